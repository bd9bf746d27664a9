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

    /// Whether the client reads too slowly.
    var isOfSending: Bool { self == .unsentBytes || self == .unsentAge }

    /// At an endpoint of Web PubSub the close frame has 1008: its clients know none of the other codes.
    func ending(at endpoint: Endpoint) -> CloseReason {
        switch (endpoint.access, self.ending) {
        case (.accessKeys, .close(_, let reason)): .close(.policyViolation, reason: reason)
        case (.accessKeys, .violation) where self == .slowMessage: .violation(.pubSubTooSlow)
        case (_, let ending): ending
        }
    }

    private var ending: CloseReason {
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
