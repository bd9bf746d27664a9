import HTTPTypes

/// A request, as middleware and routes get it.
struct Request: Sendable {
    /// The target is in origin form, and all text is ASCII: ``HTTPErrorHandler`` refuses everything else.
    let head: HTTPRequest
    /// The target up to the first `?`, still percent-encoded.
    let path: String
    /// The part of the target between the first `?` and a `#`, still percent-encoded; nil without a `?`.
    let query: Substring?
    var body: RequestBody

    init(head: HTTPRequest, body: RequestBody) {
        self.head = head
        self.body = body
        let target = head.path ?? "/"
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            self.path = target
            self.query = nil
            return
        }
        self.path = String(target[..<mark])
        self.query = Substring(target.utf8[mark...].dropFirst().prefix { $0 != UInt8(ascii: "#") })
    }

    var method: HTTPRequest.Method { self.head.method }
    var headers: HTTPFields { self.head.headerFields }
}
