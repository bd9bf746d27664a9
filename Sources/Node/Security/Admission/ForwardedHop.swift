/// One hop in `X-Forwarded-For` or `Forwarded` (RFC 7239).
enum ForwardedHop: Hashable {
    case address(IPAddress)
    /// `unknown`, an obfuscated identifier (`_hidden`), or no `for` parameter.
    case hidden

    // MARK: - X-Forwarded-For

    /// Longest address with a port, which may be an obfuscated identifier.
    private static let maximumBytes = 256

    /// - Parameter text: an address. Some proxies add a port, and then brackets for IPv6.
    static func address(_ text: some StringProtocol) -> IPAddress? {
        if let address = IPAddress(text) { return address }
        return self.withPort(text)
    }

    /// `192.0.2.1:80`, `[2001:db8::1]` or `[2001:db8::1]:80`.
    private static func withPort(_ text: some StringProtocol) -> IPAddress? {
        let (bytes, colon) = (Substring(text).utf8, UInt8(ascii: ":"))
        guard bytes.count <= self.maximumBytes else { return nil }
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let rest = bytes[end...].dropFirst()
            guard rest.isEmpty || (rest.first == colon && self.isPort(rest.dropFirst())) else { return nil }
            let address = bytes[..<end].dropFirst()
            return address.contains(colon) ? IPAddress(Substring(address)) : nil
        }
        let parts = bytes.split(separator: colon, omittingEmptySubsequences: false)
        guard parts.count == 2, self.isPort(parts[1]), let address = IPAddress(Substring(parts[0])) else { return nil }
        return address
    }

    /// Up to five digits, or an obfuscated identifier (RFC 7239 section 6).
    private static func isPort(_ text: Substring.UTF8View) -> Bool {
        if text.first == UInt8(ascii: "_") { return self.isObfuscated(text) }
        return (1...5).contains(text.count) && text.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func isObfuscated(_ text: Substring.UTF8View) -> Bool {
        text.count > 1 && text.first == UInt8(ascii: "_")
            && text.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "._-".utf8.contains(byte)
                }
            }
    }

    // MARK: - Forwarded

    /// Parses a whole list, the hop nearest to the client first.
    static func hops(_ list: String) throws(TrustedProxies.MalformedForwardedHeader) -> [ForwardedHop] {
        var scanner = Scanner(rest: Array(list.utf8)[...])
        var hops: [ForwardedHop] = []
        repeat {
            hops.append(try scanner.element())
        } while scanner.skip(UInt8(ascii: ","))
        guard scanner.isAtEnd else { throw .init() }
        return hops
    }

    fileprivate init(_ value: String, isQuoted: Bool) throws(TrustedProxies.MalformedForwardedHeader) {
        if value.isSame("unknown") || Self.isObfuscated(value[...].utf8) {
            self = .hidden
            return
        }
        // An IPv6 address needs brackets. Brackets and ports need quotes, because a token cannot contain them.
        let address = isQuoted ? Self.withPort(value) ?? IPAddress(value).flatMap { $0.isIPv4 ? $0 : nil } : IPAddress(value)
        guard let address else { throw .init() }
        self = .address(address)
    }
}

/// The grammar of RFC 7239 section 4, with optional white space in lists (RFC 9110 section 5.6.1).
private struct Scanner {
    var rest: ArraySlice<UInt8>

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func element() throws(TrustedProxies.MalformedForwardedHeader) -> ForwardedHop {
        var hop: ForwardedHop?
        self.skipSpace()
        repeat {
            let name = self.token()
            guard !name.isEmpty, self.skip(UInt8(ascii: "="), space: false) else { throw .init() }
            let isQuoted = self.rest.first == UInt8(ascii: "\"")
            let value = isQuoted ? try self.quoted() : self.token()
            guard !value.isEmpty else { throw .init() }
            if name.isSame("for") {
                guard hop == nil else { throw .init() }
                hop = try ForwardedHop(value, isQuoted: isQuoted)
            }
        } while self.skip(UInt8(ascii: ";"))
        return hop ?? .hidden
    }

    /// - Parameter space: whether white space around the sign is skipped, too.
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

    private mutating func quoted() throws(TrustedProxies.MalformedForwardedHeader) -> String {
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
