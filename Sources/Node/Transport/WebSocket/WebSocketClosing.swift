import VolaryProtocol

/// The closing handshake of one WebSocket, and who ended its socket. Pure.
struct WebSocketClosing {
    var machine = CloseStateMachine()
    /// Whether the node has ended the socket without waiting for its client.
    var isCut = false
    /// Closed while its client was gone already: what that had sent and nobody has handled yet counts no longer.
    private(set) var isDismissed = false

    var canSend: Bool { self.machine.canSend }

    /// Somebody closes the connection of a client that is gone.
    mutating func dismiss() { self.isDismissed = true }

    mutating func transportClosed() { _ = self.machine.transportClosed() }

    /// The code of the first close frame, and whose it was; 1005 for a frame without a code. Without a frame: nil, and who ended
    /// the socket.
    var ending: TransportEnding {
        guard let frame = self.machine.firstFrame else { return TransportEnding(code: nil, side: self.isCut ? .server : .client) }
        return TransportEnding(code: frame.code ?? CloseCode(rawValue: 1005), side: frame.isOurs ? .server : .client)
    }
}
