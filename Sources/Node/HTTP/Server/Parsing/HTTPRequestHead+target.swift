import NIOHTTP1

/// The target of a request (RFC 9112 section 3.2).
extension HTTPRequestHead {
    /// Whether there is exactly one valid `Host`: a name or an address, optionally with a port. Before HTTP/1.1 it may be
    /// absent.
    var hasGoodHost: Bool {
        guard self.headers.contains(name: "host") else { return self.version != .http1_1 }
        return self.headers.only("host").map { Self.isHost($0) } ?? false
    }

    /// The request with its target in origin form: path and query. A client may send a complete URI. Then the URI's authority
    /// replaces `Host` (section 3.2.2; for WebSockets RFC 6455 section 4.2.1).
    /// - Returns: nil when the target is a URI with another scheme, or with user information.
    var inOriginForm: HTTPRequestHead? {
        guard self.uri.utf8.first != UInt8(ascii: "/"), !self.uri.isSame("*") else { return self }
        guard let scheme = ["http://", "https://"].first(where: { self.uri.begins($0) }) else {
            return nil
        }
        let rest = self.uri.utf8.dropFirst(scheme.utf8.count)
        let authority = Substring(rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") })
        guard !authority.isEmpty, Self.isHost(authority) else { return nil }
        var head = self
        let target = Substring(rest[authority.endIndex...])
        head.uri = target.utf8.first == UInt8(ascii: "/") ? String(target) : "/\(target)"
        head.headers.replaceOrAdd(name: "host", value: String(authority))
        return head
    }

    /// Replaces `/ws/` by `/ws`, and `/echo/` by `/echo`, because clients use both.
    var withoutSlashBehindEndpoint: HTTPRequestHead {
        let path = self.uri.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard path.elementsEqual("/ws/".utf8) || path.elementsEqual("/echo/".utf8) else { return self }
        var head = self
        head.uri = "\(Substring(path.dropLast()))\(self.uri[path.endIndex...])"
        return head
    }

    /// RFC 9110 section 10.1.1: whether the client waits for 100 Continue before it sends its body.
    var expectsContinue: Bool {
        self.version == .http1_1 && self.headers.has("expect", "100-continue")
            && (self.headers.contains(name: "content-length") || self.headers.contains(name: "transfer-encoding"))
    }

    /// RFC 3986 sections 3.2.2 and 3.2.3. The empty name is valid.
    private static func isHost(_ text: some StringProtocol) -> Bool {
        let end: String.Index
        if text.utf8.first == UInt8(ascii: "[") {
            guard let bracket = text.utf8.firstIndex(of: UInt8(ascii: "]")),
                text.utf8[..<bracket].dropFirst().allSatisfy({
                    self.isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                })
            else { return false }
            end = text.utf8.index(after: bracket)
        } else {
            end = text.utf8.firstIndex { !self.mayBeInName($0) } ?? text.utf8.endIndex
        }
        let port = text[end...]
        return port.isEmpty || port.utf8.elementsEqual(":".utf8)
            || port.utf8.first == UInt8(ascii: ":") && UInt16(port.dropFirst()) != nil
    }

    private static func mayBeInName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~%!$&'()*+,;=".utf8.contains(byte)
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool { Character(UnicodeScalar(byte)).isHexDigit }
}
