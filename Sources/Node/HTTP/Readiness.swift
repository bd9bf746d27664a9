import Backplane
import Protocol

/// Whether a node should be given work.
struct Readiness: Encodable {
    /// Something without which a node is not ready.
    struct Part: Encodable {
        private enum CodingKeys: CodingKey {
            case state
            case reason
            case since
        }

        /// Why it is ill; nil when it is well.
        let reason: String?
        /// Milliseconds since 1970, UTC: since when it is well, or ill for whatever reasons.
        let since: Int64

        init(_ health: RelayHealth) {
            self.reason = if case .down(let reason) = health.state { reason } else { nil }
            self.since = health.since
        }

        init(_ condition: (health: PresenceHealth, since: Int64)) {
            self.reason = if case .down(let reason) = condition.health { reason } else { nil }
            self.since = condition.since
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.reason == nil ? "up" : "down", forKey: .state)
            try container.encode(self.reason, forKey: .reason)
            try container.encode(Timestamp.milliseconds(self.since), forKey: .since)
        }
    }

    let ready: Bool
    let draining: Bool
    let relay: Part
    let presence: Part

    init(draining: Bool, relay: Part, presence: Part) {
        self.ready = !draining && relay.reason == nil && presence.reason == nil
        self.draining = draining
        self.relay = relay
        self.presence = presence
    }
}
