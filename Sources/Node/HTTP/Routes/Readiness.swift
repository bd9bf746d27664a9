import VolaryBackplane
import VolaryProtocol

/// Whether a node should receive traffic.
struct Readiness: Encodable {
    /// A condition for readiness.
    struct Part: Encodable {
        private enum CodingKeys: CodingKey {
            case state
            case reason
            case since
        }

        let isUp: Bool
        /// Why the condition is not met, possibly in Redis's own words; nil if it is met, and for callers without the
        /// permission to see it.
        private(set) var reason: String?
        /// Time of the last change between met and not met, in milliseconds since 1970, UTC.
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

    /// The version for callers without permissions.
    var withoutReasons: Readiness {
        Readiness(draining: self.draining, relay: self.relay.withoutReason, presence: self.presence.withoutReason)
    }
}
