import VolaryProtocol

/// In which hubs this node may have missed messages that Redis has lost, see ``RedisScript/identify``. Pure.
///
/// While its subscriptions are live, a node hears an epoch to its end. If they are lost, and come back in a later epoch, messages may
/// have been published in between which the later one does not have, and of which no log tells. If another node has observed them, Redis
/// is told so, at any time later.
struct LostEpochs {
    private struct Hub {
        /// The last epoch that Redis has told.
        var epoch: UInt64
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
        if known.heard == nil {
            if known.epoch == 0 {
                known.heard = observed
            } else if let observed, observed.epoch == known.epoch {
                known.heard = Position(epoch: known.epoch, number: max(number, observed.number))
            } else if number > 0 {
                // In an earlier epoch numbers are lower.
                known.heard = Position(epoch: known.epoch, number: number)
            }
        }
        self.hubs[hub] = known
    }

    /// Call with each answer of Redis.
    /// - Parameters:
    ///   - epoch: 0 when the hub has no order.
    ///   - lost: the last epoch of which a node has observed more than Redis has.
    ///   - wasLive: whether all topics were followed when Redis was asked.
    /// - Returns: whether messages may have been lost that this node has missed.
    mutating func found(_ epoch: UInt64, lost: UInt64, of hub: HubName, wasLive: Bool) -> Bool {
        guard var known = self.hubs[hub] else {
            if epoch > 0 || wasLive { self.hubs[hub] = Hub(epoch: epoch, since: epoch, isInterrupted: !wasLive) }
            return false
        }
        guard epoch > 0 else { return false }
        if !known.isInterrupted, known.since == known.epoch { known.since = epoch }
        known.epoch = epoch
        known.heard = nil
        if wasLive { known.isInterrupted = false }
        let isMissing = lost > 0 && lost >= known.since
        if isMissing { known.since = max(epoch, lost + 1) }
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
