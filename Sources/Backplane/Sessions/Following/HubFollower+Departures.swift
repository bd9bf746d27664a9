import VolaryProtocol

/// Sessions that are followed no longer, while the store does not know that they are detached. If an epoch begins meanwhile, their
/// clients may go on as those of followed sessions may.
extension HubFollower {
    struct Departure: Hashable {
        /// As of ``SessionFollower/highest``.
        let highest: UInt64
        /// For which the session was judged.
        let epoch: UInt64
    }

    /// Call before the session is forgotten.
    mutating func depart(_ id: ConnectionID) {
        guard let session = self.sessions[id], let owned = session.owned, let epoch = self.seen?.epoch else { return }
        self.departures[owned] = Departure(highest: session.highest, epoch: epoch)
    }

    /// A session that was claimed, and not followed.
    mutating func depart(_ record: SessionRecord) {
        let claimed = record.fence.position
        let owned = OwnedSession(connection: record.id, fence: record.fence)
        self.departures[owned] = Departure(highest: claimed.number, epoch: claimed.epoch)
    }

    /// Whether the client of a departed session saw nothing that is lost; nil for a session that has not departed.
    func isUnharmed(_ session: OwnedSession) -> Bool? {
        self.departures[session].map { departure in
            self.lostAbove(departure.epoch).map { departure.highest <= $0 } ?? true
        }
    }
}
