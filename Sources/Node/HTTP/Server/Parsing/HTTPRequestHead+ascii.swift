import NIOHTTP1

extension HTTPRequestHead {
    /// Header fields that the node evaluates and whose values must be ASCII.
    private static let asciiFields = [
        "Authorization", "Connection", "Content-Encoding", "Expect", "Host", "Idempotency-Key", "Origin",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "Transfer-Encoding", "Upgrade",
    ]
    /// The beginning of the names of fields that are passed on to clients.
    private static let passedOn = "x-webpubsub-metadata-"

    /// The head as ASCII only, so that no later code can combine a combining mark with the character before it, or take
    /// quadratic time for a sequence of them (see ``UTF8Text``).
    ///
    /// Field values may contain other bytes (`obs-text`, RFC 9110 section 5.5). If the field's standard does not permit them,
    /// the request is refused. In other fields each such byte becomes a `?`, for example in cookies, which the node does not
    /// use, or in an entry of `X-Forwarded-For` that a client wrote.
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
                if name.begins(Self.passedOn) { throw .notASCII(field: name) }
                let bytes = value.utf8.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") }
                fields.add(name: name, value: String(decoding: bytes, as: UTF8.self))
            }
            var head = self
            head.headers = fields
            return head
        }
    }
}
