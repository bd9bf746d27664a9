/// One client of a JSON subprotocol: its permissions, the ack ids of its messages, and the number of its last publication.
final class JSONPubSubSession: ClientSession {
    var permissions: GroupPermissions
    private let id: ConnectionID
    private let user: UTF8Text?
    private let isReliable: Bool
    private var window = AckWindow()
    /// Ack ids of unfinished actions. The node limits their number.
    private var unfinished: [UInt64] = []
    private var publicationCount: UInt64

    init(_ facts: SessionFacts, isReliable: Bool) {
        self.permissions = facts.permissions
        self.id = facts.id
        self.user = facts.user.map { UTF8Text($0.text) }
        self.isReliable = isReliable
        self.publicationCount = facts.publicationCount
    }

    // MARK: - From the client

    func next(in message: inout ClientMessage) throws(ProtocolViolation) -> SessionStep {
        guard case .text(let text) = message else { throw .pubSubBinary }
        switch try PubSubRequest(parsing: text) {
        case .ping: return .reply(.text(SystemMessage.pong.encoded))
        case .sequenceAck(let number): return self.isReliable ? .acknowledged(number) : .nothing
        case .joinGroup(let group, let ackID): return self.step(.join(group), ackID)
        case .leaveGroup(let group, let ackID): return self.step(.leave(group), ackID)
        case .sendToGroup(let send, let ackID): return self.step(.send(send), ackID)
        case .event(let event, let ackID): return self.step(.event(event), ackID)
        }
    }

    /// Without an ack id, an action that is not permitted is dropped silently.
    private func step(_ kind: ClientAction.Kind, _ ackID: UInt64?) -> SessionStep {
        if let ackID {
            if self.window.contains(ackID) { return Self.refusal(ackID, .duplicate) }
            if self.unfinished.contains(ackID) { return .wait }
        }
        if let forbidden = self.forbids(kind) { return ackID.map { Self.refusal($0, .forbidden(forbidden)) } ?? .nothing }
        if let ackID { self.unfinished.append(ackID) }
        return .action(ClientAction(kind, ackID: ackID.map { .number($0) }))
    }

    private func forbids(_ kind: ClientAction.Kind) -> AckMessage.Forbidden? {
        switch kind {
        case .join(let group): self.permissions.allows(.joinLeaveGroup, group) ? nil : .join(group)
        case .leave(let group): self.permissions.allows(.joinLeaveGroup, group) ? nil : .leave(group)
        case .send(let send): self.permissions.allows(.sendToGroup, send.group) ? nil : .send(send.group)
        case .event, .message, .hub: nil
        }
    }

    private static func refusal(_ ackID: UInt64, _ failure: AckMessage.Failure) -> SessionStep {
        .reply(.text(AckMessage(ackID: ackID, failure: failure).encoded))
    }

    // MARK: - To the client

    func encode(_ event: ServerEvent) -> ClientMessage? {
        switch event {
        case .connected(let token):
            let token = self.isReliable ? token : nil
            return .text(SystemMessage.connected(self.id, user: self.user, reconnectionToken: token).encoded)
        case .result(let result, .number(let ackID)?, _): return .text(self.finish(ackID, result).encoded)
        case .closing(_, let reason): return .text(SystemMessage.disconnected(message: reason).encoded)
        case .result, .welcome, .echo, .notice, .hub, .ping: return nil
        }
    }

    private func finish(_ ackID: UInt64, _ result: ActionResult) -> AckMessage {
        self.unfinished.removeAll { $0 == ackID }
        switch result {
        case .success:
            self.window.insert(ackID)
            return AckMessage(ackID: ackID, failure: nil)
        case .failure(let failure):
            if failure == .duplicate { self.window.insert(ackID) }
            return AckMessage(ackID: ackID, failure: AckMessage.Failure(failure))
        }
    }

    func skipPublications(through number: UInt64) { self.publicationCount = number }

    func writeTail(to tail: inout OutputRawSpan) {
        self.publicationCount &+= 1
        SequenceTail.write(self.publicationCount, to: &tail)
    }
}
