import NIOHTTP1

extension HTTPRequestHead {
    /// Fields that a node looks at and that have nothing but ASCII in them, whatever they say.
    private static let asciiFields = [
        "Authorization", "Connection", "Content-Encoding", "Expect", "Host", "Idempotency-Key", "Origin",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "Transfer-Encoding", "Upgrade",
    ]

    /// The head with nothing but ASCII in it, so that nothing behind, of ours or of a library, can take a combining mark for a part of the
    /// character before it, nor quadratic time for a run of them (see ``UTF8Text``).
    ///
    /// Field values may have other bytes (`obs-text`, RFC 9110 section 5.5): where a standard has none, the request is refused; elsewhere each
    /// of them becomes a `?`, as in a cookie, of which a node makes nothing, or in what a client has written into `X-Forwarded-For`.
    var inASCII: HTTPRequestHead {
        get throws(HTTPErrorHandler.Fault) {
            guard self.uri.isASCII else { throw .malformed }
            if self.headers.allSatisfy({ $0.value.isASCII }) { return self }
            var fields = HTTPHeaders()
            for (name, value) in self.headers {
                guard !value.isASCII else {
                    fields.add(name: name, value: value)
                    continue
                }
                if let field = Self.asciiFields.first(where: { name.isSame($0) }) { throw .notASCII(field: field) }
                let bytes = value.utf8.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") }
                fields.add(name: name, value: String(decoding: bytes, as: UTF8.self))
            }
            var head = self
            head.headers = fields
            return head
        }
    }
}
