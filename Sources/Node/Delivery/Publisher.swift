import Backplane
import NIOCore
import Protocol

/// Makes publications of what clients, REST callers and the cluster itself have to say, and hands them to the broker.
struct Publisher: Sendable {
    let node: NodeID
    let broker: any Broker
    let receipts: ReceiptCollector
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    /// A client's message, to every client of the cluster, the sender included.
    func publish(
        _ message: ClientMessage,
        from sender: ConnectionID,
        completion: @escaping @Sendable (Result<PublishOutcome, BrokerError>) -> Void
    ) {
        let (dataType, payload): (Publication.DataType, ByteBuffer) =
            switch message {
            case .text(let text): (.text, text)
            case .binary(let bytes): (.binary, bytes)
            }
        let publication = Publication(
            id: .random(on: self.node),
            kind: .message,
            sender: sender,
            dataType: dataType,
            timestamp: self.now(),
            payload: payload
        )
        self.broker.publish(.publication(publication), to: .all, completion: completion)
    }

    /// Tells every client something about the cluster. Nobody waits for it.
    func announce(_ text: String) {
        let publication = Publication(
            id: .random(on: self.node),
            kind: .system,
            timestamp: self.now(),
            payload: ByteBuffer(string: text)
        )
        self.broker.publish(.publication(publication), to: .all, completion: nil)
    }

    /// A REST caller's message, to all or to one; waits for the receipts.
    func push(_ text: String, to target: ConnectionID?, timeout: TimeAmount) async throws(BrokerError) -> PushResult {
        let publication = self.pushed(text, to: target, wantsReceipt: true)
        let answer = try await self.receipts.collect(publication.id, timeout: timeout) { completion in
            self.broker.publish(.publication(publication), to: self.topic(of: target), completion: completion)
        }
        return PushResult(id: publication.id, answer: answer)
    }

    /// A REST caller's message, to all or to one; nobody waits for what becomes of it once the broker has it.
    func pushWithoutReceipts(_ text: String, to target: ConnectionID?) async throws(BrokerError) -> PublicationID {
        let publication = self.pushed(text, to: target, wantsReceipt: false)
        let result = await withCheckedContinuation { continuation in
            self.broker.publish(.publication(publication), to: self.topic(of: target)) { continuation.resume(returning: $0) }
        }
        _ = try result.get()
        return publication.id
    }

    private func pushed(_ text: String, to target: ConnectionID?, wantsReceipt: Bool) -> Publication {
        Publication(
            id: .random(on: self.node),
            kind: .serverBroadcast,
            target: target,
            timestamp: self.now(),
            wantsReceipt: wantsReceipt,
            payload: ByteBuffer(string: text)
        )
    }

    private func topic(of target: ConnectionID?) -> Topic {
        target.map { .node($0.node) } ?? .all
    }

    /// Closes a connection wherever it is; waits for the receipt.
    func close(
        _ connection: ConnectionID,
        code: CloseCode,
        reason: String,
        timeout: TimeAmount
    ) async throws(BrokerError) -> PushResult {
        let request = CloseRequest(id: .random(on: self.node), connection: connection, code: code, reason: reason)
        let answer = try await self.receipts.collect(request.id, timeout: timeout) { completion in
            self.broker.publish(.close(request), to: .node(connection.node), completion: completion)
        }
        return PushResult(id: request.id, answer: answer)
    }
}

/// What became of something that a REST caller pushed.
struct PushResult: Sendable {
    let id: PublicationID
    let answer: ReceiptCollector.Answer

    /// Connections reached, on all nodes that answered.
    var recipients: Int { self.answer.receipts.values.reduce(0) { $0 + Int($1) } }

    /// For what goes to one connection: no node is there that could hold it, or the one that could says that it does not.
    var knowsOfNoConnection: Bool {
        self.answer.outcome == .relayed(receivers: 0) || (!self.answer.receipts.isEmpty && self.recipients == 0)
    }

    var isDegraded: Bool { self.answer.outcome == .degraded }
}
