import VolaryBackplane
import VolaryProtocol

/// The path of a route: `/api/users/{user}/send`. A parameter takes one whole segment.
struct PathTemplate: Hashable, Sendable {
    private enum Segment: Hashable {
        case literal(String)
        case parameter(String)
    }

    let text: String
    private let segments: [Segment]

    /// - Parameter text: begins with a slash; written by a programmer.
    init(_ text: String) {
        self.text = text
        self.segments = text.split(separator: "/").map { segment in
            segment.hasPrefix("{") ? .parameter(String(segment.dropFirst().dropLast())) : .literal(String(segment))
        }
    }

    /// Compares bytes: `%61pi` is not `api`. Empty segments do not count: ``RequestTargetMiddleware`` refuses them.
    /// - Returns: the parameters; nil when this is the path of another route.
    func match(_ path: String) -> [PathParameter]? {
        let slash = UInt8(ascii: "/")
        var rest = path.utf8[...]
        var parameters: [PathParameter] = []
        for segment in self.segments {
            rest = rest.drop { $0 == slash }
            let end = rest.firstIndex(of: slash) ?? rest.endIndex
            switch segment {
            case .literal(let literal): guard rest[..<end].elementsEqual(literal.utf8) else { return nil }
            case .parameter(let name):
                guard end > rest.startIndex else { return nil }
                parameters.append(PathParameter(name: name, encoded: Substring(rest[..<end])))
            }
            rest = rest[end...]
        }
        return rest.allSatisfy { $0 == slash } ? parameters : nil
    }
}

/// A segment of a path that stands for a parameter of its route.
struct PathParameter: Hashable, Sendable {
    let name: String
    /// As it came.
    let encoded: Substring

    /// Without percent-encoding, if that is well-formed: ``RequestTargetMiddleware`` refuses the rest.
    var value: String { PercentEncoding.decode(self.encoded)?.string ?? String(self.encoded) }
}
