public import VolaryProtocol

/// Which sessions of a hub are looked for; without a user and a group, all of them.
public struct SessionSelection: Hashable, Sendable {
    /// Only sessions of this user.
    public let user: AudienceName?
    /// Only sessions that are in this group now.
    public let group: AudienceName?

    public init(user: AudienceName? = nil, group: AudienceName? = nil) {
        self.user = user
        self.group = group
    }

    func selects(_ record: SessionRecord) -> Bool {
        (self.user.map { $0 == record.user } ?? true) && (self.group.map { record.memberships.isMember(of: $0) } ?? true)
    }
}

/// What a search tells of a session.
public struct FoundSession: Hashable, Sendable {
    public let id: ConnectionID
    public let fence: Fence
    /// Nil while it is detached.
    public let owner: NodeID?

    public init(id: ConnectionID, fence: Fence, owner: NodeID?) {
        self.id = id
        self.fence = fence
        self.owner = owner
    }
}

/// The result of looking at one section of a hub's sessions.
public struct FoundSessions: Hashable, Sendable {
    /// Those that were selected, ordered by id.
    public let sessions: [FoundSession]
    /// After which session the next section begins; nil at the end.
    public let next: ConnectionID?
}
