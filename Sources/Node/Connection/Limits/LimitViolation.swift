import VolaryProtocol

/// A bound that a client went past, which ends its connection. Each is counted, and told to the client in the close frame.
enum LimitViolation: Hashable, Sendable, CaseIterable {
    /// More bytes wait for it than may.
    case unsentBytes
    /// The oldest byte that waits for it waits for too long.
    case unsentAge
    /// It began a message, or a frame, and did not end it in time.
    case slowMessage
    /// It said nothing for too long.
    case idle
    /// It gave no sign of life from one ping to the next.
    case unresponsive
    /// It sent more in a second than it may.
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
