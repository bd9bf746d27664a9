import VolaryBackplane
import VolaryProtocol

/// The path of a route, for example `/api/users/{user}/send`. A parameter matches one complete segment.
struct PathTemplate: Hashable, Sendable {
    private enum Segment: Hashable {
        case literal(String)
        case parameter(String)
    }

    let text: String
    private let segments: [Segment]

    /// - Parameter text: begins with a slash. A constant in the program.
    init(_ text: String) {
        self.text = text
        self.segments = text.split(separator: "/").map { segment in
            segment.hasPrefix("{") ? .parameter(String(segment.dropFirst().dropLast())) : .literal(String(segment))
        }
    }

    /// Compares bytes: `%61pi` is not `api`. Empty segments are ignored here, because ``RequestTargetMiddleware`` refuses them.
    /// - Returns: the parameters; nil if the path does not match.
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

/// A path segment that is a parameter of the route.
struct PathParameter: Hashable, Sendable {
    let name: String
    /// The segment as received.
    let encoded: Substring

    /// The percent-decoded segment. ``RequestTargetMiddleware`` refuses segments that are not well-formed.
    var value: String { PercentEncoding.decode(self.encoded)?.string ?? String(self.encoded) }
}
