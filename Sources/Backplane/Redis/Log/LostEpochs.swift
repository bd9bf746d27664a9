import VolaryProtocol

/// In which hubs this node may have missed messages that Redis has lost, see ``RedisScript/identify``. Pure.
///
/// While its subscriptions are live, a node hears an epoch to its end. If they are lost, and come back in a later epoch, messages may
/// have been published in between which the later one does not have, and of which no log tells. If another node has observed them, Redis
/// is told so, at any time later.
struct LostEpochs {
    private struct Hub {
        /// The last position that Redis has told; of epoch 0 before the hub has an order.
        var position: Position
        /// The oldest epoch of which this node may have missed the end.
        var since: UInt64
        /// Whether the subscriptions have not been live since the epoch was told.
        var isInterrupted: Bool
        /// The highest position when the link was lost.
        var heard: Position?
    }

    private var hubs: [HubName: Hub] = [:]

    /// The highest position that this node has observed before the link was lost, unless Redis has been told it.
    func heard(in hub: HubName) -> Position? { self.hubs[hub]?.heard }

    /// Call for each hub when the subscriber's link was lost.
    /// - Parameters:
    ///   - number: the highest number of a message that its topics have delivered, 0 for none.
    ///   - observed: the highest position that answers have told.
    mutating func linkWasLost(_ hub: HubName, delivered number: UInt64, observed: Position?) {
        guard var known = self.hubs[hub] else { return }
        known.isInterrupted = true
        // A hub may be so young that Redis has told its position only in answers to this node's own messages.
        if known.heard == nil, let told = known.position.epoch > 0 ? known.position : observed {
            // Anyone can publish a message with an invented number. In an earlier epoch numbers are lower.
            let delivered = number <= told.number + DuplicateFilter.reach ? number : 0
            known.heard = max(told, Position(epoch: told.epoch, number: delivered))
            // What was observed in a later epoch says nothing about this one.
            if let observed, observed.epoch == told.epoch { known.heard = max(known.heard ?? told, observed) }
        }
        self.hubs[hub] = known
    }

    /// Call with each answer of Redis.
    /// - Parameters:
    ///   - position: of the hub; nil when it has no order.
    ///   - lost: the last epoch of which a node has observed more than Redis has.
    ///   - wasLive: whether all topics were followed when Redis was asked.
    /// - Returns: whether messages may have been lost that this node has missed.
    mutating func found(_ position: Position?, lost: UInt64, of hub: HubName, wasLive: Bool) -> Bool {
        guard var known = self.hubs[hub] else {
            let first = position ?? Position(epoch: 0, number: 0)
            if position != nil || wasLive { self.hubs[hub] = Hub(position: first, since: first.epoch, isInterrupted: !wasLive) }
            return false
        }
        guard let position else { return false }
        if !known.isInterrupted, known.since == known.position.epoch { known.since = position.epoch }
        known.position = position
        known.heard = nil
        if wasLive { known.isInterrupted = false }
        let isMissing = lost > 0 && lost >= known.since
        if isMissing { known.since = max(position.epoch, lost + 1) }
        self.hubs[hub] = known
        return isMissing
    }

    /// Call when Redis has lost all data of the hub, and all topics are told for that reason.
    mutating func forget(_ hub: HubName) { self.hubs[hub] = nil }

    /// Forgets hubs of which no topic is followed any more, but for the default hub, when they are many.
    mutating func keep(_ followed: some Collection<HubName>) {
        guard self.hubs.count > 2 * followed.count + 1000 else { return }
        let followed = Set(followed)
        self.hubs = self.hubs.filter { $0.key.isDefault || followed.contains($0.key) }
    }
}
