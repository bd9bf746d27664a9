/// Why a handler did not answer an event with success.
enum EventFailure: Error, Hashable, Sendable {
    /// No connection, or it was lost before the answer.
    case unreachable
    case timedOut
    /// The handler has not allowed events of this server (``AbuseProtection``).
    case notAllowed
    /// An answer with a status other than 200 to 299.
    case status(Int)
    /// An answer with a body above ``HandlerAnswer/maximumBytes``.
    case tooLarge
    /// A body or a field that is not as the event requires.
    case invalidAnswer
    /// The handler has failed often, and is not asked for some seconds (``CircuitBreaker``).
    case suspended
    /// Too many notifications wait.
    case tooMany
    /// The node ends.
    case stopped

    /// Whether the same event may be sent again. The handler may have got it nevertheless.
    var permitsRetry: Bool {
        switch self {
        case .unreachable, .suspended, .status(408), .status(500...599): true
        case .timedOut, .notAllowed, .status, .tooLarge, .invalidAnswer, .tooMany, .stopped: false
        }
    }

    /// Whether it counts as a sign that the handler is down.
    var isOutage: Bool {
        switch self {
        case .unreachable, .timedOut, .status(502), .status(503), .status(504): true
        default: false
        }
    }

    /// For the log and the metrics.
    var outcome: EventOutcome {
        switch self {
        case .unreachable: .unreachable
        case .timedOut: .timedOut
        case .notAllowed: .notAllowed
        case .status(400...499): .refused
        case .status: .error
        case .tooLarge, .invalidAnswer: .invalidAnswer
        case .suspended: .suspended
        case .tooMany: .tooMany
        case .stopped: .stopped
        }
    }
}
