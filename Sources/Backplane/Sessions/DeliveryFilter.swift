import VolaryProtocol

/// Whether a publication is for one connection: the function that live delivery and replay share.
///
/// It depends on the connection, its membership intervals and the entry only. It reads no clock and no present state, so every node
/// that evaluates it, at any time, counts the same dense numbers.
struct DeliveryFilter {
    let connection: ConnectionID
    let user: AudienceName?
    /// The subprotocol, for filters that read it.
    let `protocol`: String
    let rules: SessionRules

    init(connection: ConnectionID, user: AudienceName?, protocol: String = "", rules: SessionRules = .all) {
        self.connection = connection
        self.user = user
        self.protocol = `protocol`
        self.rules = rules
    }

    /// - Parameter now: only for the rule that it is not used.
    func delivers(_ entry: LogEntry, to memberships: MembershipHistory, now: Int64 = 0) -> HubPublication? {
        guard case .publication(let publication) = entry.content, self.addresses(entry, memberships) else { return nil }
        if publication.isForAllMembers { return publication }
        guard
            // Announcements of the cluster have no message in the protocols of sessions, and must not use up a number.
            publication.publication.kind != .system
        else { return nil }
        if !self.rules.enforces(.expiredCount), let expiry = publication.expiresAt, expiry <= now { return nil }
        guard let details = publication.publication.details else { return publication }
        return self.selects(details, entry.number, memberships) ? publication : nil
    }

    private func selects(_ details: PublicationDetails, _ number: UInt64, _ memberships: MembershipHistory) -> Bool {
        guard details.isSelective else { return true }
        return !details.excludes(self.connection)
            && details.filter?.matches(Subject(session: self, memberships: memberships, number: number)) ?? true
    }

    /// The connection at a number, as filters of REST read it.
    private struct Subject: FilterSubject {
        let session: DeliveryFilter
        let memberships: MembershipHistory
        let number: UInt64

        var connectionID: UTF8Text { UTF8Text(self.session.connection.description) }

        var userID: UTF8Text? { self.session.user.map { UTF8Text($0.text) } }

        var subprotocol: UTF8Text? { UTF8Text(self.session.protocol) }

        private var usesNumber: Bool { self.session.rules.enforces(.filterAtNumber) }

        var groupCount: Int { self.usesNumber ? self.memberships.count(at: self.number) : self.memberships.current.count }

        func isMember(of group: UTF8Text) -> Bool {
            guard let name = AudienceName(group) else { return false }
            return self.usesNumber ? self.memberships.contains(name, at: self.number) : self.memberships.isMember(of: name)
        }
    }

    /// Whether the entry's topic is one of the connection's.
    func addresses(_ entry: LogEntry, _ memberships: MembershipHistory) -> Bool {
        Self.addresses(entry, connection: self.connection, user: self.user, memberships)
    }

    static func addresses(
        _ entry: LogEntry,
        connection: ConnectionID,
        user: AudienceName?,
        _ memberships: MembershipHistory
    ) -> Bool {
        switch entry.topic {
        case .all: true
        case .connection(let id): id == connection
        case .user(let name): name == user
        case .group(let name): memberships.contains(name, at: entry.number)
        }
    }
}
