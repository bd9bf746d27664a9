/// Chooses the next call to the presence store, so that no kind of call waits forever. Pure.
///
/// A renewal that is due comes first, but not twice in a row while other calls wait: so the lease is renewed after at most one
/// other call. Changes alternate with the poll of the other nodes (`reap`, then `nodes`).
struct PresenceScheduler {
    enum Call: Equatable {
        case renew
        /// A registration when the node has no lease, otherwise an update.
        case changes
        /// Removes dead nodes.
        case reap
        /// Reads the list of nodes. Follows `reap`.
        case nodes
    }

    private var isRenewalDue = true
    /// The next call of the poll of the other nodes; nil when it is done.
    private var pendingPoll: Call? = .reap
    private var last: Call?
    /// Whether the last call, apart from renewals, stored changes.
    private var lastWasChanges = false

    /// The node's record has changed.
    mutating func renew() { self.isRenewalDue = true }

    /// It is time to renew the lease and to poll the other nodes.
    mutating func heartbeat() {
        self.isRenewalDue = true
        if self.pendingPoll == nil { self.pendingPoll = .reap }
    }

    /// - Returns: nil when there is nothing to do.
    mutating func next(isRegistered: Bool, hasChanges: Bool) -> Call? {
        let call = self.choice(isRegistered, hasChanges)
        self.last = call
        switch call {
        case .renew: self.isRenewalDue = false
        case .changes: self.lastWasChanges = true
        case .reap, .nodes:
            self.lastWasChanges = false
            self.pendingPoll = call == .reap ? .nodes : nil
        case nil: break
        }
        return call
    }

    private func choice(_ isRegistered: Bool, _ hasChanges: Bool) -> Call? {
        guard isRegistered else { return .changes }
        let other = hasChanges && (self.pendingPoll == nil || !self.lastWasChanges) ? .changes : self.pendingPoll
        guard self.isRenewalDue, self.last != .renew || other == nil else { return other }
        return .renew
    }
}
