import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Keeps every hub within its quotas on this node, and counts what was refused. Used from every thread.
///
/// Each node counts for itself, and so a cluster of three nodes gives a hub up to three times its quota. A count for the whole cluster
/// would cost each message and each handshake a round trip to Redis.
final class HubQuotas: Sendable {
    let limits: HubQuota.Limits
    /// How many connections of this node are in a hub.
    private let connections: @Sendable (HubName) -> Int
    private let now: @Sendable () -> NIODeadline
    private let rates: NIOLockedValueBox<HubRates>
    private let refusals = NIOLockedValueBox(HubRefusals())

    init(
        _ limits: HubQuota.Limits,
        connections: @escaping @Sendable (HubName) -> Int,
        now: @escaping @Sendable () -> NIODeadline = { .now() }
    ) {
        self.limits = limits
        self.connections = connections
        self.now = now
        self.rates = NIOLockedValueBox(HubRates(limits))
    }

    /// Whether a connection may be added to the hub. If several event loops ask at the same moment, each may add one.
    func hasRoom(in hub: HubName) -> Bool {
        guard let maximum = self.limits.connections, self.connections(hub) >= maximum else { return true }
        self.refusals.withLockedValue { $0.add(.connections, of: hub) }
        return false
    }

    /// Charges one message to the hub.
    /// - Returns: the quota that has no room for it; nil: the message may be sent.
    func take(bytes: Int, in hub: HubName) -> HubQuota? {
        let now = self.now()
        guard let exceeded = self.rates.withLockedValue({ $0.take(bytes: bytes, in: hub, now: now) }) else { return nil }
        self.refusals.withLockedValue { $0.add(exceeded, of: hub) }
        return exceeded
    }

    var gauge: Gauge { self.refusals.withLockedValue { $0.gauge } }
}
