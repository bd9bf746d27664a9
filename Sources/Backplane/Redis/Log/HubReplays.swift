import NIOCore
import VolaryProtocol

/// The order of all hubs while some of their topics catch up. Pure: time is an argument.
///
/// An envelope has its position only if all of its hub's messages with a lower one have been delivered, as far as this node gets them.
struct HubReplays {
    /// Maximum of bytes that all hubs together hold: 64 MiB. Above it, the hub that holds one more ends its replay.
    static let maximumBytes = 64 * 1024 * 1024

    /// From the loss of the link until all topics of a hub have caught up, or for as long as that is waited for.
    private var replays: [HubName: HubReplay] = [:]
    /// Topics that miss messages which they read from their logs.
    private var behind: [HubName: Set<Topic>] = [:]
    private(set) var heldBytes = 0
    private var attempts = 0

    var isActive: Bool { !self.replays.isEmpty || !self.behind.isEmpty }
    var isEmpty: Bool { self.replays.isEmpty }
    var isHolding: Bool { self.heldBytes > 0 }
    /// The hubs whose messages are held.
    var hubs: some Collection<HubName> { self.replays.keys }

    subscript(hub: HubName) -> HubReplay? { self.replays[hub] }

    /// Whether the topic may read its log.
    func mayRead(_ topic: Topic) -> Bool { topic.hub.flatMap { self.replays[$0] }?.mayRead ?? true }

    /// - Parameter topics: all that are followed in the hub.
    mutating func unlinked(_ hub: HubName, _ topics: Set<Topic>, at now: NIODeadline) {
        self.attempts += 1
        if self.replays[hub] != nil {
            self.replays[hub]?.unlinked(topics, attempt: self.attempts, at: now)
        } else if topics.count > 1 {
            self.replays[hub] = HubReplay(topics, attempt: self.attempts, at: now)
        }
    }

    mutating func update(_ hub: HubName?, _ change: (inout HubReplay) -> Void) {
        guard !self.replays.isEmpty, let hub, let slot = self.replays.index(forKey: hub) else { return }
        change(&self.replays.values[slot])
    }

    mutating func settled(_ topic: Topic, isBehind: Bool, at now: NIODeadline) {
        guard let hub = topic.hub else { return }
        if isBehind {
            self.behind[hub, default: []].insert(topic)
        } else if let topics = self.behind[hub], topics.contains(topic) {
            self.behind[hub] = topics.count > 1 ? topics.subtracting([topic]) : nil
        }
        self.update(hub) { $0.settled(topic, isBehind: isBehind, at: now) }
    }

    mutating func forget(_ topic: Topic, at now: NIODeadline) {
        self.settled(topic, isBehind: false, at: now)
        self.update(topic.hub) { $0.forget(topic) }
    }

    /// Takes a message that a topic delivers.
    /// - Returns: the message to be delivered now; nil if it is held.
    mutating func pass(_ envelope: Envelope, of topic: Topic) -> Envelope? {
        guard let hub = topic.hub else { return envelope }
        if let slot = self.replays.index(forKey: hub) {
            self.heldBytes -= self.replays.values[slot].bytes
            self.replays.values[slot].hold(envelope)
            self.heldBytes += self.replays.values[slot].bytes
            return nil
        }
        var envelope = envelope
        if self.behind[hub]?.contains(where: { $0 != topic }) == true { envelope.position = nil }
        return envelope
    }

    /// Ends the replay of a hub, if it is complete or has failed.
    /// - Parameter canRead: whether logs can be read.
    /// - Returns: the messages that were held; nil if it goes on, or there is none.
    mutating func end(_ hub: HubName, canRead: Bool, at now: NIODeadline) -> [Envelope]? {
        guard let replay = self.replays[hub] else { return nil }
        let isComplete = replay.isComplete
        let hasFailed = replay.hasFailed(canRead: canRead, at: now) || self.heldBytes > Self.maximumBytes
        guard isComplete || hasFailed else { return nil }
        self.replays[hub] = nil
        self.heldBytes -= replay.bytes
        guard !isComplete else { return replay.release() }
        // Messages that come before them may follow.
        return replay.release().map { envelope in
            var envelope = envelope
            envelope.position = nil
            return envelope
        }
    }
}
