import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Makes publications and commands from messages of clients, REST callers and the cluster itself, and gives them to the broker.
struct Publisher: Sendable {
    let node: NodeID
    let broker: any Broker
    let receipts: ReceiptCollector
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64
    /// nil: no hub has a limit of messages or bytes.
    var quotas: HubQuotas?
    /// nil: no connection is resumable.
    var sessions: ResumableSessions?
    /// nil: nothing is remembered of messages.
    var traces: MessageTraces?

    /// Charges a message of a client or of a REST caller to the quotas of its hub. Call before it is published.
    /// - Returns: the quota that has no room for it; nil: the message may be published.
    func charge(bytes: Int, to hub: HubName) -> HubQuota? { self.quotas.flatMap { $0.take(bytes: bytes, in: hub) } }

    /// Publishes a client's message to every client of its hub, including the sender.
    func publish(
        _ message: ClientMessage,
        from sender: ConnectionID,
        in hub: HubName,
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
            hub: hub,
            dataType: dataType,
            timestamp: self.now(),
            payload: payload
        )
        self.traces?.published(publication)
        self.broker.publish(.publication(publication), to: publication.topic, completion: completion)
    }

    /// Publishes a client's message to a group of its hub.
    /// - Parameter user: of the sender, for receivers.
    func publish(
        _ send: GroupSend,
        from sender: ConnectionID,
        user: AudienceName?,
        in hub: HubName,
        completion: @escaping @Sendable (Result<PublishOutcome, BrokerError>) -> Void
    ) {
        let publication = self.publication(of: send, from: sender, user: user, in: hub)
        self.traces?.published(publication)
        self.broker.publish(.publication(publication), to: publication.topic, completion: completion)
    }

    /// - Parameter user: of the sender, for receivers.
    func publication(of send: GroupSend, from sender: ConnectionID, user: AudienceName?, in hub: HubName) -> Publication {
        Publication(
            id: .random(on: self.node),
            kind: .message,
            sender: sender,
            hub: hub,
            audience: .group(send.group),
            dataType: Publication.DataType(send.payload.dataType),
            timestamp: self.now(),
            details: PublicationDetails(
                senderUser: user,
                metadata: send.metadata,
                secondsToLive: send.timeToLive.map { UInt16($0.components.seconds) },
                excluded: send.excludesSender ? [sender] : []
            ),
            payload: send.payload.bytes
        )
    }

    /// A message of an event handler to the connection that has sent it an event. It is not published: its node delivers it.
    func answer(_ payload: TypedPayload, _ metadata: MessageMetadata, to connection: HubAudience) -> Publication {
        Publication(
            id: .random(on: self.node),
            kind: .serverBroadcast,
            hub: connection.hub,
            audience: connection.audience,
            dataType: Publication.DataType(payload.dataType),
            timestamp: self.now(),
            details: PublicationDetails(metadata: metadata),
            payload: payload.bytes
        )
    }

    /// Publishes a notice about a hub to its clients, without waiting for the outcome.
    func announce(_ text: String, in hub: HubName) {
        let publication = Publication(
            id: .random(on: self.node),
            kind: .system,
            hub: hub,
            timestamp: self.now(),
            payload: ByteBuffer(string: text)
        )
        self.broker.publish(.publication(publication), to: publication.topic, completion: nil)
    }

    /// Publishes a REST caller's message and waits for the receipts.
    /// - Parameter written: whether each node counts a connection only after the kernel has accepted the bytes.
    func push(
        _ content: PushContent,
        _ details: PublicationDetails? = nil,
        to audience: HubAudience,
        written: Bool,
        timeout: TimeAmount
    ) async throws(BrokerError) -> PushOutcome {
        // The last fifth of the timeout is left for the receipts to arrive.
        let publication = self.pushed(
            content,
            details,
            to: audience,
            confirmation: written ? .written(milliseconds: UInt32(timeout.nanoseconds / 1_000_000 * 4 / 5)) : .routed
        )
        let expectsAll = audience.reachesEveryNode
        let answer = try await self.receipts.collect(publication.id, expectsAll: expectsAll, timeout: timeout) { completion in
            self.publish(publication, completion: self.traced(publication, completion))
        }
        return PushOutcome(id: publication.id, answer: answer)
    }

    /// Publishes a REST caller's message. Returns once the broker has it, without receipts.
    func pushWithoutReceipts(
        _ content: PushContent,
        _ details: PublicationDetails? = nil,
        to audience: HubAudience
    ) async throws(BrokerError) -> (id: PublicationID, outcome: PublishOutcome) {
        let publication = self.pushed(content, details, to: audience, confirmation: .none)
        let result = await withCheckedContinuation { continuation in
            self.publish(publication, completion: self.traced(publication) { continuation.resume(returning: $0) })
        }
        return (publication.id, try result.get())
    }

    /// Remembers a publication, and what the broker makes of it.
    private func traced(
        _ publication: Publication,
        _ completion: @escaping @Sendable (Result<PublishOutcome, BrokerError>) -> Void
    ) -> @Sendable (Result<PublishOutcome, BrokerError>) -> Void {
        guard let traces else { return completion }
        let number = traces.published(publication)
        return { result in
            traces.accepted(number, result)
            completion(result)
        }
    }

    /// A message to one connection goes through its session, if it has one: also to a client that is away, and in its order.
    private func publish(
        _ publication: Publication,
        completion: @escaping @Sendable (Result<PublishOutcome, BrokerError>) -> Void
    ) {
        guard case .connection = publication.audience, let sessions else {
            return self.broker.publish(.publication(publication), to: publication.topic, completion: completion)
        }
        Task {
            if let outcome = await sessions.publish(publication) { return completion(outcome) }
            self.broker.publish(.publication(publication), to: publication.topic, completion: completion)
        }
    }

    private func pushed(
        _ content: PushContent,
        _ details: PublicationDetails? = nil,
        to audience: HubAudience,
        confirmation: Publication.Confirmation
    ) -> Publication {
        Publication(
            id: .random(on: self.node),
            kind: .serverBroadcast,
            hub: audience.hub,
            audience: audience.audience,
            dataType: content.dataType,
            timestamp: self.now(),
            confirmation: confirmation,
            details: details,
            payload: content.payload
        )
    }

    /// Adds a connection on any node to a group, or removes it; waits for the receipt.
    func change(
        _ connection: ConnectionID,
        in hub: HubName,
        group: AudienceName,
        joins: Bool,
        timeout: TimeAmount
    ) async throws(BrokerError) -> PushOutcome {
        let id = PublicationID.random(on: self.node)
        let request = MembershipRequest(id: id, hub: hub, connection: connection, group: group, joins: joins)
        return try await self.request(.membership(request), id: id, to: connection.topic(in: hub), timeout: timeout)
    }

    /// Closes a connection on any node; waits for the receipt.
    func close(
        _ connection: ConnectionID,
        in hub: HubName,
        code: CloseCode,
        reason: String,
        timeout: TimeAmount
    ) async throws(BrokerError) -> PushOutcome {
        let id = PublicationID.random(on: self.node)
        let request = CloseRequest(id: id, hub: hub, connection: connection, code: code, reason: reason)
        return try await self.request(.close(request), id: id, to: connection.topic(in: hub), timeout: timeout)
    }

    /// Changes the connections of an audience on all nodes; waits for the receipts.
    func change(
        _ audience: HubAudience,
        _ action: AudienceCommand.Action,
        selection: PublicationDetails? = nil,
        timeout: TimeAmount
    ) async throws(BrokerError) -> PushOutcome {
        let command = AudienceCommand(
            id: .random(on: self.node),
            hub: audience.hub,
            audience: audience.audience,
            selection: selection,
            timestamp: self.now(),
            action: action
        )
        let expectsAll = audience.reachesEveryNode
        let answer = try await self.receipts.collect(command.id, expectsAll: expectsAll, timeout: timeout) { completion in
            self.broker.publish(.audience(command), to: command.topic, completion: completion)
        }
        return PushOutcome(id: command.id, answer: answer)
    }

    /// Changes or checks what the client of a connection on any node may do; waits for the receipt.
    func change(
        _ action: PermissionRequest.Action,
        _ permission: GroupPermission,
        for group: AudienceName?,
        of connection: ConnectionID,
        in hub: HubName,
        timeout: TimeAmount
    ) async throws(BrokerError) -> PushOutcome {
        let id = PublicationID.random(on: self.node)
        let request = PermissionRequest(
            id: id,
            hub: hub,
            connection: connection,
            action: action,
            permission: permission,
            group: group
        )
        return try await self.request(.permission(request), id: id, to: connection.topic(in: hub), timeout: timeout)
    }

    /// Makes a node drain; waits for the receipt.
    func drain(_ node: NodeID, timeout: TimeAmount) async throws(BrokerError) -> PushOutcome {
        let id = PublicationID.random(on: self.node)
        return try await self.request(.drain(id), id: id, to: .node(node), timeout: timeout)
    }

    /// Whether a node answers a probe within a second. False at once when its topic has no subscriber.
    /// - Throws: when the probe could not be published, because this node's own link is down.
    func isAlive(_ node: NodeID) async throws(PresenceError) -> Bool {
        let id = PublicationID.random(on: self.node)
        let answer: ReceiptCollector.Answer
        do throws(BrokerError) {
            answer = try await self.request(.probe(id), id: id, to: .node(node), timeout: .seconds(1)).answer
        } catch {
            throw .unavailable("a node with the same name cannot be probed")
        }
        guard answer.receipts.isEmpty else { return true }
        guard case .relayed = answer.outcome else {
            throw .unavailable("a node with the same name cannot be probed: the link is down")
        }
        return false
    }

    private func request(
        _ message: NodeMessage,
        id: PublicationID,
        to topic: Topic,
        timeout: TimeAmount
    ) async throws(BrokerError) -> PushOutcome {
        let answer = try await self.receipts.collect(id, expectsAll: false, timeout: timeout) { completion in
            self.broker.publish(message, to: topic, completion: completion)
        }
        return PushOutcome(id: id, answer: answer)
    }
}

extension ConnectionID {
    /// Where the node that holds the connection gets messages for it.
    fileprivate func topic(in hub: HubName) -> Topic { Audience.connection(self).topic(in: hub) }
}
