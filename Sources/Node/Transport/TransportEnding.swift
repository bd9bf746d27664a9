import VolaryProtocol

/// How a transport ended, for the log and the counters.
struct TransportEnding: Hashable, Sendable {
    /// Of the first close frame, in either direction; 1005 for a frame without a code, nil without a frame.
    let code: CloseCode?
    /// Whose frame it was; without a frame, who ended the socket.
    let side: ConnectionClose.Side
}
