import VolaryProtocol

/// The topics that the subscriber's link has to subscribe to, and those that Redis has confirmed. Pure.
///
/// Redis acknowledges SSUBSCRIBE and SUNSUBSCRIBE in order. A topic is confirmed when its last command was a SSUBSCRIBE and all of
/// its commands have been acknowledged.
struct SubscriptionsStateMachine {
    enum WantAction: Hashable {
        case subscribe
        /// Wait until the topic is confirmed. The command is pending, or follows when the link is up.
        case wait
        case none
    }

    enum AcknowledgedAction: Hashable {
        /// Later messages of the topic arrive.
        case confirmed
        case none
        /// Redis acknowledged a command that was not sent.
        case violation
    }

    private struct Entry {
        var wanted: Bool
        var unacknowledged: Int
        var isConfirmed: Bool { self.wanted && self.unacknowledged == 0 && self.subscribedOnLink }
        /// Whether the last command on this link was a SSUBSCRIBE.
        var subscribedOnLink: Bool
    }

    private var entries: [Topic: Entry] = [:]
    private(set) var isLinked = false

    func isWanted(_ topic: Topic) -> Bool { self.entries[topic]?.wanted ?? false }
    func isConfirmed(_ topic: Topic) -> Bool { self.entries[topic]?.isConfirmed ?? false }
    /// Whether a command for the topic has not been acknowledged.
    func isPending(_ topic: Topic) -> Bool { (self.entries[topic]?.unacknowledged ?? 0) > 0 }

    var confirmed: [Topic] { self.entries.filter(\.value.isConfirmed).map(\.key) }

    /// - Returns: all topics that have to be subscribed to at once.
    mutating func linked() -> [Topic] {
        self.isLinked = true
        for topic in self.entries.keys {
            self.entries[topic]!.unacknowledged = 1
            self.entries[topic]!.subscribedOnLink = true
        }
        return Array(self.entries.keys)
    }

    mutating func unlinked() {
        self.isLinked = false
        self.entries = self.entries.filter(\.value.wanted).mapValues { _ in
            Entry(wanted: true, unacknowledged: 0, subscribedOnLink: false)
        }
    }

    mutating func want(_ topic: Topic) -> WantAction {
        var entry = self.entries[topic] ?? Entry(wanted: false, unacknowledged: 0, subscribedOnLink: false)
        if entry.wanted { return entry.isConfirmed ? .none : .wait }
        entry.wanted = true
        if self.isLinked {
            entry.unacknowledged += 1
            entry.subscribedOnLink = true
        }
        self.entries[topic] = entry
        return self.isLinked ? .subscribe : .wait
    }

    /// - Returns: whether to send SUNSUBSCRIBE.
    mutating func unwant(_ topic: Topic) -> Bool {
        guard var entry = self.entries[topic], entry.wanted else { return false }
        entry.wanted = false
        entry.subscribedOnLink = false
        if self.isLinked { entry.unacknowledged += 1 }
        self.entries[topic] = self.isLinked ? entry : nil
        return self.isLinked
    }

    mutating func acknowledged(_ topic: Topic) -> AcknowledgedAction {
        guard var entry = self.entries[topic], entry.unacknowledged > 0 else { return .violation }
        entry.unacknowledged -= 1
        self.entries[topic] = entry.wanted || entry.unacknowledged > 0 ? entry : nil
        return entry.isConfirmed ? .confirmed : .none
    }
}
