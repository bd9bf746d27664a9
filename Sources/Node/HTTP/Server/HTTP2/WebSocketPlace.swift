/// What a WebSocket on a stream counts for: one of its connection's streams, and one of the node's connections. Bound to the
/// connection's event loop.
///
/// A value without an object of its own, because there may be a thousand on one connection.
struct WebSocketPlace {
    private let connection: HTTP2Connection
    private let admission: Admission
    /// The address under which it is counted.
    private let client: IPAddress?

    /// Counts the stream.
    /// - Parameter slot: the slot that was judged. Its counts go over to this value.
    init(on connection: HTTP2Connection, _ admission: Admission, _ slot: ConnectionSlot) {
        self.connection = connection
        self.admission = admission
        self.client = slot.detach()
        connection.webSocketBegan()
    }

    var windows: FrameGatherer { self.connection.windows }

    var ends: StreamEnds { self.connection.ends }

    /// Call once, when the stream is closed.
    func release() {
        self.connection.webSocketEnded()
        self.admission.release()
        if let client { self.admission.release(client) }
    }
}
