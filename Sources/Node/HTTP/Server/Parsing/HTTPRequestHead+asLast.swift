import NIOHTTP1

extension HTTPRequestHead {
    /// The same head, marked as the last request of its connection.
    var asLast: HTTPRequestHead {
        var head = self
        head.headers.replaceOrAdd(name: "connection", value: "close")
        return head
    }
}
