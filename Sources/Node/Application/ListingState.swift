import VolaryProtocol

/// Whether a connection is in the inventory that REST and the other nodes read.
enum ListingState: Sendable {
    /// Not listed yet, never listed, or removed.
    case unlisted
    /// Waits for the subscriptions of its topics, which may take long while Redis is unreachable. The task ends with the
    /// connection.
    case waiting(Task<Void, Never>, groups: Set<AudienceName>)
    case listed(holdsTopics: Bool)
    /// A close was requested. The connection is no longer listed, but still holds its topics.
    case withdrawn(holdsTopics: Bool)
    /// A resumable connection: its session's record is in the store, and lists are made of the records.
    case resumable(ResumableClient)

    var isListed: Bool { if case .listed = self { true } else { false } }

    /// Whether the connection counts as a member of the topics of its hub and its user (``Topic/joined(in:by:as:)``).
    var holdsTopics: Bool {
        switch self {
        case .listed(let holds), .withdrawn(let holds): holds
        case .unlisted, .waiting, .resumable: false
        }
    }
}
