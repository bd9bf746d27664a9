import VolaryProtocol

/// Whether a connection is in the inventory that REST and the other nodes read.
enum ListingState: Sendable {
    /// Not yet, never, or no longer.
    case unlisted
    /// Waits for its topics to be live. The task ends with the connection: while Redis is away that may be long.
    case waiting(Task<Void, Never>, groups: Set<AudienceName>)
    case listed(holdsUserTopic: Bool)
    /// Its close was asked for: out of the inventory already, though its topics are still held.
    case withdrawn(holdsUserTopic: Bool)

    var isListed: Bool { if case .listed = self { true } else { false } }

    /// Whether the connection is counted in the interest in its user's topic.
    var holdsUserTopic: Bool {
        switch self {
        case .listed(let holds), .withdrawn(let holds): holds
        case .unlisted, .waiting: false
        }
    }
}
