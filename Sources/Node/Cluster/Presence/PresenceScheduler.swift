/// Whose turn it is with the presence store, so that nothing waits there for ever. Pure.
///
/// Each turn is one call. A renewal that is due goes first, but not twice in a row while others wait: the lease is renewed after one other call
/// at the latest. Changes and the look at the other nodes take turns.
struct PresenceScheduler {
    enum Turn: Equatable {
        case renewal
        /// The lease, where the node has none; else an update.
        case changes
        /// The removal of nodes that died.
        case reaping
        /// Who is there. Comes after the reaping.
        case nodes
    }

    private var isRenewalDue = true
    /// What is left of the look at the others.
    private var look: Turn? = .reaping
    private var last: Turn?
    /// Of changes and the look.
    private var lastWasChanges = false

    /// The record has changed.
    mutating func renew() { self.isRenewalDue = true }

    /// Time to renew the lease and to look at the others.
    mutating func beat() {
        self.isRenewalDue = true
        if self.look == nil { self.look = .reaping }
    }

    /// - Returns: nil when there is nothing to do.
    mutating func next(isRegistered: Bool, hasChanges: Bool) -> Turn? {
        let turn = self.choice(isRegistered, hasChanges)
        self.last = turn
        switch turn {
        case .renewal: self.isRenewalDue = false
        case .changes: self.lastWasChanges = true
        case .reaping, .nodes:
            self.lastWasChanges = false
            self.look = turn == .reaping ? .nodes : nil
        case nil: break
        }
        return turn
    }

    private func choice(_ isRegistered: Bool, _ hasChanges: Bool) -> Turn? {
        guard isRegistered else { return .changes }
        let other = hasChanges && (self.look == nil || !self.lastWasChanges) ? .changes : self.look
        guard self.isRenewalDue, self.last != .renewal || other == nil else { return other }
        return .renewal
    }
}
