import VolaryProtocol

/// A limit that a client exceeded. The connection ends, a metric counts the violation, and all but `unresponsive` send a close
/// frame.
enum LimitViolation: Hashable, Sendable, CaseIterable {
    /// The unsent bytes exceed the limit.
    case unsentBytes
    /// The oldest unsent byte is older than the limit.
    case unsentAge
    /// A message or a frame was not completed in time.
    case slowMessage
    /// The client sent no message for too long.
    case idle
    /// The client sent nothing between two pings, not even a pong.
    case unresponsive
    /// The client exceeded its messages or bytes per second.
    case rate

    var ending: CloseReason {
        switch self {
        case .unsentBytes: .close(.tryAgainLater, reason: "too many unsent bytes: the client reads too slowly")
        case .unsentAge: .close(.tryAgainLater, reason: "bytes unsent for too long: the client reads too slowly")
        case .idle: .close(.timeout, reason: "no message for too long")
        case .slowMessage: .violation(.messageTooSlow)
        case .rate: .violation(.tooFast)
        case .unresponsive: .cut
        }
    }
}
