import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The answer to a push without receipts. Written without an encoder, which would take longer than the push itself.
struct AcceptedPush {
    let id: PublicationID

    var json: ByteBuffer { ByteBuffer(string: "{\"id\":\"\(self.id)\"}") }
}

/// The result of a push.
struct PushResponse: Encodable {
    struct Node: Encodable {
        let node: String
        let recipients: Int
    }

    let id: String
    /// Its place in the order of its hub; nil for a message to one connection, and where the broker does not know it.
    let position: String?
    let recipients: Int
    /// Sorted by name.
    let nodes: [Node]
    /// Names of the nodes whose receipts are missing.
    let missing: [String]
    /// The link to the broker is down. The other nodes get the message once it is up again.
    let degraded: Bool
    /// For a push to one connection: whether the connection had closed, or was closing, when the message arrived at its node.
    let notConnected: Bool?

    init(_ result: PushOutcome, audience: HubAudience, isConnected: Bool?, directory: NodeDirectory) {
        func name(_ id: NodeID) -> String { directory.name(of: id) ?? id.description }
        let receipts = result.answer.receipts
        // Only the broker knows which nodes have members of a group, a user, or a hub other than the default one. If it reported more nodes than have answered, any
        // other node may be the missing one, except for this node, which always answers.
        let asked: Set<NodeID> =
            switch audience.audience {
            case .connection(let id) where id.isRoaming: []
            case .connection(let id): [id.node]
            case .all where audience.reachesEveryNode: directory.expected
            case .all, .group, .user:
                result.lacksReceipts || result.isDegraded ? directory.expected.subtracting([directory.ownID]) : []
            }
        self.id = result.id.description
        self.position = result.position?.description
        self.recipients = result.recipients
        self.nodes = receipts.map { Node(node: name($0.key), recipients: Int($0.value)) }.sorted { $0.node < $1.node }
        self.missing = asked.filter { receipts[$0] == nil }.map(name).sorted()
        self.degraded = result.isDegraded
        self.notConnected = isConnected.map { !$0 && receipts.count > 0 }
    }
}
