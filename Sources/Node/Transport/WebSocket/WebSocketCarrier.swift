/// The kind of channel that carries a WebSocket.
enum WebSocketCarrier: Sendable {
    /// A TCP socket whose bytes no handler changes. The transport writes to the socket itself.
    case plainSocket
    /// A TCP socket with TLS.
    case tlsSocket
    /// A stream of an HTTP/2 connection (RFC 8441). Its channel has no options but NIO's `autoRead`: asking for another one ends
    /// the process.
    /// - Parameter turns: of its connection.
    case stream(_ turns: StreamTurns)
}
