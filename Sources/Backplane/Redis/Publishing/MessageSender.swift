import VolaryProtocol

/// The sender of a message, for its share of the queues to Redis and for its turns.
enum MessageSender: Hashable, Sendable {
    case client(ConnectionID)
    /// All REST callers of this node together.
    case callers
    /// The node itself: receipts, commands, announcements.
    case node
}

extension NodeMessage {
    var sender: MessageSender {
        if case .transportRequest(let request) = self { return .client(request.connection) }
        guard case .publication(let publication) = self else { return .node }
        if let client = publication.sender { return .client(client) }
        return publication.kind == .serverBroadcast ? .callers : .node
    }
}
