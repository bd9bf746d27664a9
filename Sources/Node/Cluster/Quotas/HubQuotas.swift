import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Keeps every hub within its quotas on this node, and counts what was refused. Used from every thread.
///
/// Each node counts for itself, and so a cluster of three nodes gives a hub up to three times its quota. A count for the whole cluster
/// would cost each message and each handshake a round trip to Redis. What a hub keeps in Redis is measured once a second, for the cluster.
final class HubQuotas: Sendable {
    let limits: HubQuota.Limits
    /// How many connections of this node are in a hub.
    private let connections: @Sendable (HubName) -> Int
    private let now: @Sendable () -> NIODeadline
    private let rates: NIOLockedValueBox<HubRates>
    /// nil: no hub has a limit of bytes in Redis.
    private let storage: NIOLockedValueBox<HubStorageUse>?
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
        self.storage = limits.storageBytes.map { NIOLockedValueBox(HubStorageUse(limit: $0)) }
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
        guard let exceeded = self.exceeded(by: bytes, in: hub) else { return nil }
        self.refusals.withLockedValue { $0.add(exceeded, of: hub) }
        return exceeded
    }

    private func exceeded(by bytes: Int, in hub: HubName) -> HubQuota? {
        if let storage, !storage.withLockedValue({ $0.permits(hub) }) { return .storage }
        guard self.limits.hasRates else { return nil }
        let now = self.now()
        return self.rates.withLockedValue { $0.take(bytes: bytes, in: hub, now: now) }
    }

    /// Measures the hubs that were used since the last call, and those above the quota. A hub that cannot be measured stays as it is.
    func measureStorage(_ measure: (HubName) async -> Int?) async {
        guard let storage else { return }
        for hub in storage.withLockedValue({ $0.takeDue() }) where !Task.isCancelled {
            guard let bytes = await measure(hub) else { continue }
            storage.withLockedValue { $0.measured(hub, bytes: bytes) }
        }
    }

    var gauge: Gauge { self.refusals.withLockedValue { $0.gauge } }
}
