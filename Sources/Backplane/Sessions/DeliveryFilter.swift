import VolaryProtocol

/// Whether a publication is for one connection: the function that live delivery and replay share.
///
/// It depends on the connection, its membership intervals and the entry only. It reads no clock and no present state, so every node
/// that evaluates it, at any time, counts the same dense numbers.
struct DeliveryFilter {
    let connection: ConnectionID
    let user: AudienceName?
    let rules: SessionRules

    init(connection: ConnectionID, user: AudienceName?, rules: SessionRules = .all) {
        self.connection = connection
        self.user = user
        self.rules = rules
    }

    /// - Parameter now: only for the rule that it is not used.
    func delivers(_ entry: LogEntry, to memberships: MembershipHistory, now: Int64 = 0) -> HubPublication? {
        guard case .publication(let publication) = entry.content, self.addresses(entry, memberships),
            !publication.excluded.contains(self.connection),
            !(publication.excludesSender && publication.publication.sender == self.connection)
        else { return nil }
        if !self.rules.enforces(.expiredCount), let expiry = publication.expiresAt, expiry <= now { return nil }
        guard let filter = publication.filter else { return publication }
        let usesNumber = self.rules.enforces(.filterAtNumber)
        let subject = AudienceFilterSubject(
            connection: self.connection,
            user: self.user,
            groupCount: usesNumber ? memberships.count(at: entry.number) : memberships.current.count
        ) { group in
            usesNumber ? memberships.contains(group, at: entry.number) : memberships.isMember(of: group)
        }
        return filter.matches(subject) ? publication : nil
    }

    private func addresses(_ entry: LogEntry, _ memberships: MembershipHistory) -> Bool {
        switch entry.topic {
        case .all: true
        case .connection(let id): id == self.connection
        case .user(let name): name == self.user
        case .group(let name): memberships.contains(name, at: entry.number)
        }
    }
}
