import NIOCore
import VolaryBackplane
import VolaryProtocol

/// A push whose receipts nobody waits for; as fast as the push itself, which an encoder would not be.
struct AcceptedPush {
    let id: PublicationID

    var json: ByteBuffer { ByteBuffer(string: "{\"id\":\"\(self.id)\"}") }
}

/// What became of a push.
struct PushResponse: Encodable {
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

    init(_ result: PushOutcome, audience: Audience, isConnected: Bool?, directory: NodeDirectory) {
        func name(_ id: NodeID) -> String { directory.name(of: id) ?? id.description }
        let receipts = result.answer.receipts
        // Of a group or a user, only the broker knows which nodes have members: where it counted more than have answered, each of
        // the others may be the one. This node would have answered.
        let asked: Set<NodeID> =
            switch audience {
            case .connection(let id): [id.node]
            case .group, .user:
                result.lacksReceipts || result.isDegraded ? directory.expected.subtracting([directory.ownID]) : []
            case .all: directory.expected
            }
        self.id = result.id.description
        self.recipients = result.recipients
        self.nodes = receipts.map { Node(node: name($0.key), recipients: Int($0.value)) }.sorted { $0.node < $1.node }
        self.missing = asked.filter { receipts[$0] == nil }.map(name).sorted()
        self.degraded = result.isDegraded
        self.notConnected = isConnected.map { !$0 && receipts.count > 0 }
    }
}
