import VolaryProtocol

@testable import VolaryBackplane

/// A node, as far as sessions concern it: pure rules, with queues to and from everything outside.
struct SimulatedNode {
    enum Request {
        case operation(SessionOperation, OperationSequence)
        case claim(ConnectionID, token: [UInt8], transport: Int)
        case detach(OwnedSession)
        case acknowledge([SessionAcknowledgement])
        case read(SessionRead, attempt: UInt64)
        case vouch([OwnedSession], epoch: UInt64)
        case take(OwnedSession)
        case remove(OwnedSession)
        case expire(ConnectionID)
        case mark
        case compare([Audience])
    }

    enum Answer {
        case operation(OperationAnswer)
        case claim(ClaimAnswer)
        case acknowledged([SessionAnswer])
        case read(SessionReadAnswer)
        case vouched([SessionAnswer])
        case numbers(LastNumbers)
        case other
    }

    enum LinkRequest {
        case subscribe([Audience])
        case unsubscribe([Audience])
    }

    /// What the node keeps of a connection beside the follower.
    struct Connection {
        let client: Int
        let transport: Int
        var inbox: [SimulatedClient.Message] = []
        /// The sequence of the operation that is outstanding, and the message behind it.
        var outstanding: (sequence: UInt64, message: SimulatedClient.Message)?
        var isCut = false
    }

    let id: NodeID
    let link: any WorldLink
    var follower: HubFollower
    var journal: OperationJournal
    var connections: [ConnectionID: Connection] = [:]
    /// Waiting until their topics are confirmed.
    var attaching: [ConnectionID: SessionAttachment] = [:]
    var requests: [Request] = []
    var answers: [(request: Request, answer: Answer, position: Position, loss: EpochLoss?)] = []
    var linkRequests: [LinkRequest] = []
    /// Sent over a command connection that was lost; may still be executed.
    var stale: [Request] = []
    var isFrozen = false
    var isDead = false
    var mustRestoreLink = false

    init(id: NodeID, link: any WorldLink, rules: SessionRules, journal: OperationJournal) {
        self.id = id
        self.link = link
        self.follower = HubFollower(node: id, rules: rules)
        self.journal = journal
    }

    mutating func send(_ operation: SessionOperation) -> OperationSequence {
        let sequence = self.journal.add(operation)
        self.requests.append(.operation(operation, sequence))
        return sequence
    }

    /// The command connection is lost; whatever has no answer is sent again, in order.
    mutating func loseCommands() {
        self.stale += self.requests
        self.requests = self.answers.map(\.request) + self.requests
        self.answers = []
    }
}
