import DequeModule
package import NIOCore
import OrderedCollections
package import VolaryProtocol

/// The sessions that a node owns in one hub: connects a ``HubFollower`` with the store, the hub's link, and the clients.
///
/// All work is done on one event loop, in turns: an answer, some events of the link, or a call of the node. The functions for the
/// node may be called from any thread. What a turn delivers leaves at its end.
package final class HubSessions: @unchecked Sendable {
    // Unchecked: everything that changes is used on `loop` only (asserted at the beginning of each turn).

    /// How a client's request for its session ended.
    package enum Claim: Sendable {
        case claimed(SessionHandle, SessionRecord)
        /// The store does not answer, or the former owner may still vouch for the session.
        case later
        case never
    }

    /// For the handshake of a client, within its own timeout of 2 s.
    private static let claimTime = TimeAmount.milliseconds(1800)
    /// The same. Looked at four times a second: a scheduled task for each client would make the loop's queue long.
    private static let attachTime = TimeAmount.milliseconds(1500)
    /// How long a request waits for the subscription of its group.
    private static let subscriptionMilliseconds: Int64 = 5000

    let hub: HubName
    let node: NodeID
    let service: SessionService
    let loop: any EventLoop
    let host: any SessionHost
    /// Whether a node holds its lease, as far as this node knows.
    let isLive: @Sendable (NodeID) -> Bool
    /// How long a session's owner must be missing before the session is taken from it, in milliseconds.
    let graceMilliseconds: Int64
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    var follower: HubFollower
    var journal = OperationJournal()
    /// Nil before the first session.
    var link: (any HubLink)?
    var handles: [ConnectionID: SessionHandle] = [:]
    var attachments: [ConnectionID: PendingAttachment] = [:]
    /// Sessions with requests, or without transport.
    var busy: OrderedSet<ConnectionID> = []
    /// Operations to be executed, in order. The first ones may be under way.
    var operations: Deque<SequencedOperation> = []
    var isExecuting = false
    /// By operation sequence.
    var completions: [UInt64: (OperationAnswer, Position) -> Void] = [:]
    /// Sessions to be removed. While a call is under way, they wait for the next one.
    var removals: Deque<SessionRemoval> = []
    var isRemoving = false
    /// Calls of the store without answer.
    var calls = 0
    var deliveries: [SessionDelivery] = []
    var sweep = SessionSweep()
    var timer: RepeatedTask?
    private var isStopped = false
    var ticks = 0
    var comparedTopics = 0

    struct PendingAttachment {
        let attachment: SessionAttachment
        let handle: SessionHandle
        let deadline: NIODeadline
        var isSent = false
        let done: (SessionHandle?) -> Void
    }

    package init(
        hub: HubName,
        node: NodeID,
        service: SessionService,
        loop: any EventLoop,
        host: any SessionHost,
        isLive: @escaping @Sendable (NodeID) -> Bool,
        graceMilliseconds: Int64,
        now: @escaping @Sendable () -> Int64
    ) {
        self.hub = hub
        self.node = node
        self.service = service
        self.loop = loop
        self.host = host
        self.isLive = isLive
        self.graceMilliseconds = graceMilliseconds
        self.now = now
        self.follower = HubFollower(node: node)
    }

    // MARK: - Called by the node, from any thread

    /// Creates a session. From the record's position on, everything for it is delivered to the client.
    /// - Returns: nil when the store does not answer in time, or refuses.
    package func attach(_ attachment: SessionAttachment, client: any SessionClient) async -> SessionHandle? {
        await withCheckedContinuation { continuation in
            self.turn { sessions in
                guard !sessions.isStopped else { return continuation.resume(returning: nil) }
                sessions.begin()
                let handle = SessionHandle(attachment.connection, client: client)
                sessions.handles[handle.id] = handle
                sessions.attachments[handle.id] = PendingAttachment(
                    attachment: attachment,
                    handle: handle,
                    deadline: sessions.loop.now + Self.attachTime
                ) {
                    continuation.resume(returning: $0)
                }
                sessions.update {
                    $0.attach(
                        handle.id,
                        client: client,
                        user: attachment.user,
                        protocol: attachment.protocol,
                        groups: attachment.groups,
                        into: &$1
                    )
                }
            }
        }
    }

    /// Claims a session for a client, which gets everything that it has not acknowledged.
    package func claim(_ id: ConnectionID, tokenHash: [UInt8], client: any SessionClient) async -> Claim {
        await withCheckedContinuation { continuation in
            self.turn { sessions in
                sessions.begin()
                let answer = OneAnswer { continuation.resume(returning: $0) }
                sessions.after(Self.claimTime) { _ in answer.give(.later) }
                sessions.call { store, caller async throws(SessionStoreError) in
                    try await store.claim(id, tokenHash: tokenHash, from: caller)
                } arrived: { sessions, claim, _ in
                    switch claim {
                    case .claimed(let record): sessions.claimed(record, client, answer)
                    case .later: answer.give(.later)
                    case .never: answer.give(.never)
                    }
                } failed: { _ in
                    answer.give(.later)
                }
            }
        }
    }

    /// Carries out a request of a client, after those before it.
    package func submit(_ request: SessionRequest, of handle: SessionHandle) {
        self.turn { sessions in
            guard sessions.handles[handle.id] === handle else { return request.done(.failure(.unreachable)) }
            let deadline = sessions.now() + Self.subscriptionMilliseconds
            handle.waiting.append(SessionHandle.Waiting(request: request, deadline: deadline))
            sessions.busy.append(handle.id)
        }
    }

    /// As ``submit(_:of:)``.
    package func perform(_ action: SessionRequest.Action, ackID: AckID?, of handle: SessionHandle) async -> ActionResult {
        await withCheckedContinuation { continuation in
            self.submit(SessionRequest(action, ackID: ackID) { continuation.resume(returning: $0) }, of: handle)
        }
    }

    /// The client has every publication up to this number of its connection.
    package func acknowledged(_ sequence: UInt64, by handle: SessionHandle) {
        self.turn { sessions in
            guard sessions.handles[handle.id] === handle else { return }
            sessions.update { $0.acknowledged(handle.id, through: sequence, into: &$1) }
        }
    }

    /// The transport of a client is lost. Nothing more is submitted.
    package func lost(_ handle: SessionHandle, _ loss: SessionHandle.Loss) {
        self.turn { sessions in
            guard sessions.handles[handle.id] === handle else { return }
            handle.loss = loss
            sessions.busy.append(handle.id)
        }
    }

    /// Executes an operation of REST or an application, once.
    /// - Returns: nil when the store does not answer in time. The operation may be executed nevertheless.
    package func execute(_ operation: SessionOperation, timeout: TimeAmount) async -> OperationAnswer? {
        await withCheckedContinuation { continuation in
            self.turn { sessions in
                let answer = OneAnswer { continuation.resume(returning: $0) }
                sessions.after(timeout) { _ in answer.give(nil) }
                sessions.send(operation) { operationAnswer, _ in answer.give(operationAnswer) }
            }
        }
    }

    /// Whether no session is left and no call is under way. After ``stop()`` this stays so.
    package func isIdle() async -> Bool {
        (try? await self.loop.submit {
            self.handles.isEmpty && self.calls == 0 && self.operations.isEmpty && self.removals.isEmpty
        }.get()) ?? true
    }

    /// Ends timers and link, and refuses new sessions. Sessions that are left are taken by other nodes.
    package func stop() {
        self.loop.execute {
            self.isStopped = true
            for pending in self.attachments.values { self.abandonAttachment(of: pending.handle) }
            self.timer?.cancel()
            self.link?.close()
        }
    }

    // MARK: - Turns

    func turn(_ body: @escaping @Sendable (HubSessions) -> Void) {
        // Always later, so that no turn begins within another one.
        self.loop.execute {
            body(self)
            self.settle()
        }
    }

    func after(_ time: TimeAmount, _ body: @escaping @Sendable (HubSessions) -> Void) {
        self.loop.scheduleTask(in: time) {
            body(self)
            self.settle()
        }
    }

    func update(_ body: (inout HubFollower, inout SessionOutput) -> Void) {
        self.loop.preconditionInEventLoop()
        var output = SessionOutput()
        body(&self.follower, &output)
        for action in output.actions { self.perform(action) }
    }

    private func settle() {
        self.sendAttachments()
        self.proceed()
        self.executeNext()
        self.removeNext()
        self.flush()
    }

    func flush() {
        guard !self.deliveries.isEmpty else { return }
        self.host.deliver(self.deliveries)
        self.deliveries = []
    }
}

/// Gives one of several answers: the first.
final class OneAnswer<Answer: Sendable>: @unchecked Sendable {
    // Unchecked: used on one event loop only.
    private var body: ((Answer) -> Void)?

    init(_ body: @escaping (Answer) -> Void) {
        self.body = body
    }

    var isOpen: Bool { self.body != nil }

    func give(_ answer: Answer) { self.body.take()?(answer) }
}
