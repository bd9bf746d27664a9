import VolaryProtocol

/// The location of a claim in a token: the name of a top-level claim (`groups`, `https://example.org/groups`), or a JSON Pointer
/// (RFC 6901) to a nested one (`/realm_access/roles`).
struct ClaimPath: Hashable, Sendable, CustomStringConvertible {
    static let rule = """
        the name of a claim, such as groups or https://example.org/groups, or a JSON Pointer to a nested one, such as /realm_access/roles
        """

    /// As configured.
    let description: String
    /// Member names, from the outermost object inward.
    private let names: [UTF8Text]

    /// - Returns: nil for an empty text, one of more than 256 bytes, and a pointer with a `~` that is not `~0` or `~1`.
    init?(_ text: String) {
        guard (1...256).contains(text.utf8.count) else { return nil }
        self.description = text
        guard text.utf8.first == UInt8(ascii: "/") else {
            self.names = [UTF8Text(text)]
            return
        }
        var names: [UTF8Text] = []
        for part in text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let name = Self.unescape(part) else { return nil }
            names.append(UTF8Text(name))
        }
        self.names = names
    }

    private init(name: String) {
        self.description = name
        self.names = [UTF8Text(name)]
    }

    static let user = ClaimPath(name: "sub")
    static let groups = ClaimPath(name: "groups")
    /// `scope` is from RFC 8693 section 4.2; identity providers use the others.
    static let permissions = ["permissions", "scope", "scp", "roles"].map { ClaimPath(name: $0) }

    /// - Returns: nil when the claim is absent or null.
    func value(in claims: JSONValue) -> JSONValue? {
        self.names.reduce(claims) { value, name in value?[name] }
    }

    /// Adds a claim to an object, with the nested objects that it needs. One claim must not be inside another.
    func put(_ value: JSONValue, into members: inout [JSONValue.Member]) { Self.put(value, at: self.names[...], into: &members) }

    private static func put(_ value: JSONValue, at names: ArraySlice<UTF8Text>, into members: inout [JSONValue.Member]) {
        guard let name = names.first else { return }
        guard names.count > 1 else { return members.append(JSONValue.Member(name: name, value: value)) }
        var inner: [JSONValue.Member] = []
        if let index = members.firstIndex(where: { $0.name == name }), case .object(let present) = members[index].value {
            inner = present
            members.remove(at: index)
        }
        self.put(value, at: names.dropFirst(), into: &inner)
        members.append(JSONValue.Member(name: name, value: .object(inner)))
    }

    private static func unescape(_ part: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        var rest = part
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "~") else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "0"): bytes.append(UInt8(ascii: "~"))
            case UInt8(ascii: "1"): bytes.append(UInt8(ascii: "/"))
            default: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
