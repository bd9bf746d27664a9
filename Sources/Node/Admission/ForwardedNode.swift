/// One hop as `X-Forwarded-For` and `Forwarded` (RFC 7239) name it.
enum ForwardedNode: Hashable {
    case address(IPAddress)
    /// `unknown`, a name of the proxy's own (`_hidden`), or no `for` at all.
    case hidden

    // MARK: - X-Forwarded-For

    /// - Parameter text: an address; some proxies add a port, and brackets then.
    static func address(_ text: some StringProtocol) -> IPAddress? {
        if let address = IPAddress(text) { return address }
        return self.withPort(text)
    }

    /// `192.0.2.1:80`, `[2001:db8::1]` or `[2001:db8::1]:80`.
    private static func withPort(_ text: some StringProtocol) -> IPAddress? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || (rest.hasPrefix(":") && self.isPort(rest.dropFirst())) else { return nil }
            let address = text[..<end].dropFirst()
            return address.contains(":") ? IPAddress(address) : nil
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, self.isPort(parts[1]), let address = IPAddress(parts[0]) else { return nil }
        return address
    }

    /// RFC 7239 section 6: five digits, or a name that hides it.
    private static func isPort(_ text: some StringProtocol) -> Bool {
        if text.hasPrefix("_") { return self.isObfuscated(text) }
        return (1...5).contains(text.utf8.count) && text.allSatisfy { $0.isASCII && $0.isNumber }
    }

    private static func isObfuscated(_ text: some StringProtocol) -> Bool {
        text.utf8.count > 1 && text.hasPrefix("_")
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_" || $0 == "-") }
    }

    // MARK: - Forwarded

    /// All of a list, the client's first.
    static func nodes(_ list: String) throws(TrustedProxies.Garbage) -> [ForwardedNode] {
        var scanner = Scanner(rest: Array(list.utf8)[...])
        var nodes: [ForwardedNode] = []
        repeat {
            nodes.append(try scanner.element())
        } while scanner.skip(UInt8(ascii: ","))
        guard scanner.isAtEnd else { throw .init() }
        return nodes
    }

    fileprivate init(_ value: String, isQuoted: Bool) throws(TrustedProxies.Garbage) {
        if value.lowercased() == "unknown" || Self.isObfuscated(value) {
            self = .hidden
            return
        }
        // An address of IPv6 needs brackets, and brackets and ports need quotes: a token has no room for them.
        let address = isQuoted ? Self.withPort(value) ?? IPAddress(value).flatMap { $0.isIPv4 ? $0 : nil } : IPAddress(value)
        guard let address else { throw .init() }
        self = .address(address)
    }
}

/// The grammar of RFC 7239 section 4, with the white space that lists may have (RFC 9110 section 5.6.1).
private struct Scanner {
    var rest: ArraySlice<UInt8>

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func element() throws(TrustedProxies.Garbage) -> ForwardedNode {
        var node: ForwardedNode?
        self.skipSpace()
        repeat {
            let name = self.token().lowercased()
            guard !name.isEmpty, self.skip(UInt8(ascii: "="), space: false) else { throw .init() }
            let isQuoted = self.rest.first == UInt8(ascii: "\"")
            let value = isQuoted ? try self.quoted() : self.token()
            guard !value.isEmpty else { throw .init() }
            if name == "for" {
                guard node == nil else { throw .init() }
                node = try ForwardedNode(value, isQuoted: isQuoted)
            }
        } while self.skip(UInt8(ascii: ";"))
        return node ?? .hidden
    }

    /// - Parameter space: whether white space may stand around it.
    mutating func skip(_ sign: UInt8, space: Bool = true) -> Bool {
        if space { self.skipSpace() }
        guard self.rest.first == sign else { return false }
        self.rest.removeFirst()
        if space { self.skipSpace() }
        return true
    }

    private mutating func skipSpace() {
        self.rest = self.rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    private mutating func token() -> String {
        let token = self.rest.prefix { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
        self.rest = self.rest.dropFirst(token.count)
        return String(decoding: token, as: UTF8.self)
    }

    private mutating func quoted() throws(TrustedProxies.Garbage) -> String {
        var text: [UInt8] = []
        self.rest.removeFirst()
        while let byte = self.rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = self.rest.popFirst() else { throw .init() }
                text.append(escaped)
            default:
                text.append(byte)
            }
        }
        throw .init()
    }
}

extension Substring {
    /// Without the white space that a list may have around its members.
    var trimmingOWS: Substring {
        var text = self.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
