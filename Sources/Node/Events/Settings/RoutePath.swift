import VolaryBackplane
import VolaryProtocol

/// The path of a route for clients, such as `/devices/{user}`. One of its segments may stand for the user.
struct RoutePath: Hashable, Sendable {
    static let maximumBytes = 256

    /// For error messages: "`path` <rule>".
    static let rule = """
        must be a path such as /devices/{user}: at most \(maximumBytes) bytes, segments of letters, digits and -._~!$&'()*+,;=:@, \
        of which one may be {user}, but not the first, which must differ from those of the node's own paths
        """

    /// First segments of the node's own paths.
    private static let reserved = Set(RequestRoute.allCases.map { String($0.template.dropFirst().prefix { $0 != "/" }) })

    private enum Segment: Hashable {
        case text(String)
        case user
    }

    let text: String
    private let segments: [Segment]

    init?(_ text: String) {
        guard text.utf8.count <= Self.maximumBytes, text.utf8.first == UInt8(ascii: "/") else { return nil }
        var segments: [Segment] = []
        for part in Self.parts(text.utf8[...]) {
            let name = String(Substring(part))
            if name == "{user}" {
                guard !segments.contains(.user) else { return nil }
                segments.append(.user)
            } else {
                guard !part.isEmpty, name != ".", name != "..", part.allSatisfy(Self.isSegmentByte) else { return nil }
                segments.append(.text(name))
            }
        }
        guard case .text(let first) = segments[0], !Self.reserved.contains(first) else { return nil }
        self.text = text
        self.segments = segments
    }

    private static func parts(_ path: Substring.UTF8View) -> [Substring.UTF8View] {
        path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    }

    private static func isSegmentByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~!$&'()*+,;=:@".utf8.contains(byte)
        }
    }

    /// - Parameter target: path and query of a request. Paths are compared byte for byte.
    /// - Returns: whether the path is this one, and the segment for the user, still percent-encoded.
    func match(target: String) -> (isMatch: Bool, user: Substring?) {
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard path.first == UInt8(ascii: "/") else { return (false, nil) }
        let parts = Self.parts(path)
        guard parts.count == self.segments.count else { return (false, nil) }
        var user: Substring?
        for (part, segment) in zip(parts, self.segments) {
            switch segment {
            case .text(let text): guard part.elementsEqual(text.utf8) else { return (false, nil) }
            case .user: user = Substring(part)
            }
        }
        return (true, user)
    }

    /// Whether some path is both.
    func overlaps(_ other: RoutePath) -> Bool {
        self.segments.count == other.segments.count
            && zip(self.segments, other.segments).allSatisfy { $0 == $1 || $0 == .user || $1 == .user }
    }
}
