import VolaryProtocol

/// The closing handshake of one WebSocket, and which side closed its socket. Pure.
struct WebSocketClosing {
    var machine = CloseStateMachine()
    /// Whether the node has closed the socket without waiting for the client.
    var isCut = false
    /// Whether the client's unhandled messages are dropped once it has disconnected: a caller has closed the connection, or it was
    /// closed after its client had disconnected.
    private(set) var isDismissed = false

    var canSend: Bool { self.machine.canSend }

    /// Drops the unhandled messages of the client once it has disconnected.
    mutating func dismiss() { self.isDismissed = true }

    mutating func transportClosed() { _ = self.machine.transportClosed() }

    /// The code and the sender of the first close frame; 1005 for a frame without a code. Without a frame: nil, and the side
    /// that closed the socket.
    var ending: TransportEnding {
        guard let frame = self.machine.firstFrame else { return TransportEnding(code: nil, side: self.isCut ? .server : .client) }
        return TransportEnding(code: frame.code ?? CloseCode(rawValue: 1005), side: frame.isOurs ? .server : .client)
    }
}
