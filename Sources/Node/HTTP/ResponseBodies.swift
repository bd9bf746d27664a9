public import Backplane
import NIOCore
import Protocol

// The JSON that the REST API answers with. Members that may be null are written all the same.

extension ListedConnection: Encodable {
    private enum CodingKeys: CodingKey {
        case id
        case node
        case user
        case groups
        case `protocol`
        case connectedAt
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.record.id.description, forKey: .id)
        try container.encode(self.nodeName, forKey: .node)
        try container.encode(self.record.user?.text, forKey: .user)
        try container.encode(self.record.groups.map(\.text).sorted(), forKey: .groups)
        try container.encode(self.record.protocol, forKey: .protocol)
        try container.encode(Timestamp.milliseconds(self.record.connectedAt), forKey: .connectedAt)
    }
}

extension Inventory.Page: Encodable {
    private enum CodingKeys: CodingKey {
        case count
        case complete
        case missing
        case connections
        case next
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.page.total, forKey: .count)
        try container.encode(self.isComplete, forKey: .complete)
        try container.encode(self.page.missing, forKey: .missing)
        try container.encode(self.page.connections, forKey: .connections)
        try container.encode(self.next?.description, forKey: .next)
    }
}

/// A push whose receipts nobody waits for; as fast as the push itself, which an encoder would not be.
struct AcceptedPush {
    let id: PublicationID

    var json: ByteBuffer { ByteBuffer(string: "{\"id\":\"\(self.id)\"}") }
}

/// What became of a push.
struct PushReceipt: Encodable {
    struct Node: Encodable {
        let node: String
        let recipients: Int
    }

    let id: String
    let recipients: Int
    /// Ordered by name.
    let nodes: [Node]
    /// Names of the nodes that should have answered and did not.
    let missing: [String]
    /// The other nodes get it when the link to them is back.
    let degraded: Bool
    /// For a push to one connection: whether it was gone, or going, by the time the message came to its node.
    let notConnected: Bool?

    init(_ result: PushResult, audience: Audience, isConnected: Bool?, directory: NodeDirectory) {
        func name(_ id: NodeID) -> String { directory.name(of: id) ?? id.description }
        let receipts = result.answer.receipts
        // Of a group or a user, only the broker knows which nodes have members: where it counted more than have answered, each of
        // the others may be the one. This node would have answered.
        let all = directory.expected
        let others = all.subtracting([directory.ownID])
        let asked: Set<NodeID> =
            switch (audience, result.answer.outcome) {
            case (.connection(let id), _): [id.node]
            case (.group, .relayed(let receivers)), (.user, .relayed(let receivers)):
                receipts.count < receivers ? others : []
            case (.group, .degraded), (.user, .degraded): others
            case (.all, _): all
            }
        self.id = result.id.description
        self.recipients = result.recipients
        self.nodes = receipts.map { Node(node: name($0.key), recipients: Int($0.value)) }.sorted { $0.node < $1.node }
        self.missing = asked.filter { receipts[$0] == nil }.map(name).sorted()
        self.degraded = result.isDegraded
        self.notConnected = isConnected.map { !$0 && receipts.count > 0 }
    }
}

/// The cluster's nodes.
struct NodeList: Encodable {
    struct Node: Encodable {
        let id: String
        let name: String
        let connections: Int
        /// Since the node's last sign of life.
        let leaseAgeSeconds: Double
        /// False: no sign of life for longer than its lease; it is about to be removed.
        let live: Bool
        let draining: Bool
        let version: String
        let startedAt: String

        init(_ status: NodeStatus) {
            self.id = status.record.id.description
            self.name = status.record.name
            self.connections = status.connections
            let (seconds, attoseconds) = status.leaseAge.components
            self.leaseAgeSeconds = Double(seconds) + Double(attoseconds / 1_000_000_000_000_000) / 1000
            self.live = !status.expired
            self.draining = status.record.draining
            self.version = status.record.version
            self.startedAt = Timestamp.milliseconds(status.record.startedAt)
        }
    }

    let count: Int
    /// False: the presence store does not answer, and these are the nodes as last seen.
    let complete: Bool
    /// The name of the node that answers.
    let answeredBy: String
    let nodes: [Node]
}

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

/// A node that drains from now on.
struct AcceptedDrain: Encodable {
    let id: String
}
