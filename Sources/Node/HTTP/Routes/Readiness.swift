import VolaryBackplane
import VolaryProtocol

/// Whether a node should be given work.
struct Readiness: Encodable {
    /// Something without which a node is not ready.
    struct Part: Encodable {
        private enum CodingKeys: CodingKey {
            case state
            case reason
            case since
        }

        let isUp: Bool
        /// Why it is ill, perhaps in Redis' own words; nil when it is well, and for those who may not know.
        private(set) var reason: String?
        /// Milliseconds since 1970, UTC: since when it is well, or ill for whatever reasons.
        let since: Int64

        init(_ health: BrokerHealth) {
            let reason: String? = if case .down(let reason) = health.state { reason } else { nil }
            self.init(reason: reason, since: health.since)
        }

        init(_ condition: (health: PresenceHealth, since: Int64)) {
            let reason: String? = if case .down(let reason) = condition.health { reason } else { nil }
            self.init(reason: reason, since: condition.since)
        }

        private init(reason: String?, since: Int64) {
            self.isUp = reason == nil
            self.reason = reason
            self.since = since
        }

        var withoutReason: Part {
            var part = self
            part.reason = nil
            return part
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.isUp ? "up" : "down", forKey: .state)
            try container.encode(self.reason, forKey: .reason)
            try container.encode(Timestamp.milliseconds(self.since), forKey: .since)
        }
    }

    let ready: Bool
    let draining: Bool
    let relay: Part
    let presence: Part

    init(draining: Bool, relay: Part, presence: Part) {
        self.ready = !draining && relay.isUp && presence.isUp
        self.draining = draining
        self.relay = relay
        self.presence = presence
    }

    var hasReasons: Bool { self.relay.reason != nil || self.presence.reason != nil }

    /// For everybody.
    var withoutReasons: Readiness {
        Readiness(draining: self.draining, relay: self.relay.withoutReason, presence: self.presence.withoutReason)
    }
}
