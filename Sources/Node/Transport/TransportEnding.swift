import VolaryProtocol

/// How a transport ended, for the log and the metrics.
struct TransportEnding: Hashable, Sendable {
    /// The code of the first close frame in either direction; 1005 for a frame without a code, nil without a frame.
    let code: CloseCode?
    /// The sender of that frame. Without a frame, the side that closed the socket.
    let side: ConnectionClose.Side
}
