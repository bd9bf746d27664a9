import NIOCore
import VolaryProtocol

/// Messages and bytes per second of each hub. Pure.
///
/// Only hubs that have sent something within about a second are kept: a hub whose buckets are full is as good as a new one.
struct HubRates {
    /// Hubs that are kept without looking for idle ones: 1,000.
    static let roomyHubs = 1000

    private struct Buckets {
        var messages: TokenBucket?
        var bytes: TokenBucket?

        mutating func take(bytes count: Int, now: NIODeadline) -> HubQuota? {
            guard self.messages?.take(1, now: now) ?? true else { return .messages }
            guard self.bytes?.take(count, now: now) ?? true else { return .bytes }
            return nil
        }

        mutating func isFull(now: NIODeadline) -> Bool {
            (self.messages?.isFull(now: now) ?? true) && (self.bytes?.isFull(now: now) ?? true)
        }
    }

    private let limits: HubQuota.Limits
    private var hubs: [HubName: Buckets] = [:]
    /// Above this number of hubs, idle ones are looked for.
    private var capacity = Self.roomyHubs

    init(_ limits: HubQuota.Limits) {
        self.limits = limits
    }

    /// The number of hubs that are kept.
    var count: Int { self.hubs.count }

    /// Charges one message.
    /// - Returns: the quota that has no room for it; nil: the message may be sent.
    mutating func take(bytes: Int, in hub: HubName, now: NIODeadline) -> HubQuota? {
        if self.hubs[hub] == nil { self.add(hub, now: now) }
        return self.hubs[hub]?.take(bytes: bytes, now: now)
    }

    private mutating func add(_ hub: HubName, now: NIODeadline) {
        if self.hubs.count >= self.capacity { self.dropIdle(now: now) }
        self.hubs[hub] = Buckets(
            messages: self.limits.messagesPerSecond.map { TokenBucket(perSecond: $0, now: now) },
            bytes: self.limits.bytesPerSecond.map { TokenBucket(perSecond: $0, now: now) }
        )
    }

    private mutating func dropIdle(now: NIODeadline) {
        self.hubs = self.hubs.filter { _, buckets in
            var buckets = buckets
            return !buckets.isFull(now: now)
        }
        // So that the search costs little for each new hub, however many are busy.
        self.capacity = max(Self.roomyHubs, 2 * self.hubs.count)
    }
}
