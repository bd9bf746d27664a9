import Atomics
import DequeModule
import Logging
import NIOCore
import VolaryProtocol

/// The calls of one client of a hub: their order, their limits, what runs, and what the client has to answer. Belongs to the connection's
/// event loop.
///
/// A call waits until the former has ended, and counts as an unfinished action until its own end (``UnfinishedActions``). A call of a method
/// that streams in either direction runs beside the others.
final class ConnectionCalls {
    /// Unsent bytes above which a stream waits: 64 KiB.
    static let unsentBytes = 64 * 1024

    private struct Running {
        let id: AckID?
        let target: String
        let uploads: [AckID: HubUpload]
        /// Of a call in order; nil: it runs beside the others.
        let done: ActionCompletion?
        var task: Task<Void, Never>?
    }

    private enum Phase {
        case unopened
        /// The dispatcher has not let the client in.
        case opening(Task<Bool, Never>)
        case open
        case closed
    }

    private let connection: Connection
    private let dispatcher: any HubDispatcher
    private let claims: HubClaims
    private let settings: HubCallSettings
    private let logger: Logger
    /// Of the whole node.
    private let unfinished: ManagedAtomic<Int>
    private var phase = Phase.unopened
    /// nil until the client's handshake.
    private(set) var caller: HubCaller?
    private var waiting: Deque<(call: HubRequest.Call, done: ActionCompletion)> = []
    private var running: [UInt64: Running] = [:]
    private var lastNumber: UInt64 = 0
    /// Whether a call in order runs.
    private var isBusy = false
    /// Whether the dispatcher has not decided about the client.
    private var isOpening = false
    private var uploads: [AckID: HubUpload] = [:]
    private var asked: [AckID: HubAsk] = [:]
    private var endError: (any Error)?
    /// nil for a client of another protocol than SignalR.
    private var times: SignalRTimes?

    /// - Parameter unfinished: counts what dispatchers are doing.
    init(
        _ connection: Connection,
        _ dispatcher: any HubDispatcher,
        claims: HubClaims,
        settings: HubCallSettings,
        logger: Logger,
        unfinished: ManagedAtomic<Int>
    ) {
        self.connection = connection
        self.dispatcher = dispatcher
        self.claims = claims
        self.settings = settings
        self.logger = logger
        self.unfinished = unfinished
        if connection.session is SignalRSession {
            self.times = SignalRTimes(settings.times, now: connection.shard.eventLoop.now)
        }
    }

    private var eventLoop: any EventLoop { self.connection.shard.eventLoop }

    private var bound: NIOLoopBound<ConnectionCalls> { NIOLoopBound(self, eventLoop: self.eventLoop) }

    // MARK: - Life

    /// The client may call methods.
    func open(_ format: HubFormat) {
        guard case .unopened = self.phase else { return }
        let caller = HubCaller(self.connection, format: format, claims: self.claims)
        let (dispatcher, eventLoop, bound) = (self.dispatcher, self.eventLoop, self.bound)
        self.caller = caller
        self.isOpening = true
        self.unfinished.wrappingIncrement(ordering: .relaxed)
        self.phase = .opening(
            Task {
                let result: Result<Void, any Error>
                do {
                    result = .success(try await dispatcher.connected(caller))
                } catch {
                    result = .failure(error)
                }
                eventLoop.execute { bound.value.opened(result) }
                return (try? result.get()) != nil
            }
        )
    }

    private func opened(_ result: Result<Void, any Error>) {
        self.isOpening = false
        defer { self.unfinished.wrappingDecrement(ordering: .relaxed) }
        guard case .opening = self.phase else { return self.endIfIdle() }
        self.phase = .open
        switch result {
        case .success: self.next()
        case .failure(let error):
            self.log(error, "The hub refused a client")
            self.endError = error
            self.connection.close(code: .internalError, reason: "Connection closed with an error.")
        }
    }

    func keepAlive(now: NIODeadline) {
        guard let session = self.connection.session as? SignalRSession else { return }
        switch self.times?.check(now: now, session, isReading: self.connection.hasRoom) {
        case nil, .nothing?: break
        case .ping?: self.connection.send(.ping)
        case .noHandshake?: self.connection.close(code: .policyViolation, reason: "no handshake in time")
        case .silent?: self.connection.close(code: .timeout, reason: SignalRTimes.silenceText)
        }
    }

    /// The connection has ended.
    /// - Parameter error: nil after a clean end.
    func closed(_ error: (any Error)?) {
        if case .opening(let task) = self.phase { task.cancel() }
        self.phase = .closed
        self.endError = self.endError ?? error
        for call in self.waiting { call.done(.success(())) }
        self.waiting = []
        for upload in self.uploads.values { upload.finish(.failure(CancellationError())) }
        for call in self.running.values { call.task?.cancel() }
        for ask in self.asked.values { ask.end(.failure(.ended)) }
        self.asked = [:]
        self.endIfIdle()
    }

    /// Tells the dispatcher of the end, once nothing runs any more.
    private func endIfIdle() {
        guard case .closed = self.phase, !self.isOpening, self.running.isEmpty, let caller = self.caller.take() else { return }
        let (dispatcher, error, unfinished) = (self.dispatcher, self.endError, self.unfinished)
        unfinished.wrappingIncrement(ordering: .relaxed)
        Task {
            await dispatcher.disconnected(caller, error: error)
            unfinished.wrappingDecrement(ordering: .relaxed)
        }
    }

    // MARK: - From the client

    func received(_ request: HubRequest, _ done: ActionCompletion) {
        switch request {
        case .opened:
            if let format = self.connection.session.hubFormat { self.open(format) }
            done(.success(()))
        case .call(let call): self.received(call, done)
        case .cancel(let id):
            self.running.values.first { $0.id == id }?.task?.cancel()
            done(.success(()))
        case .item(let id, let data):
            guard let upload = self.uploads[id] else { return done(.success(())) }
            upload.add(data, taken: done)
        case .completion(let id, let outcome):
            self.completed(id, outcome)
            done(.success(()))
        }
    }

    private func received(_ call: HubRequest.Call, _ done: ActionCompletion) {
        guard self.caller != nil, self.connection.isOpen || self.connection.hasLeftovers else { return done(.success(())) }
        guard let shape = self.dispatcher.method(call.target.string) else { return self.refuse(call, .unknownMethod, done) }
        if let failure = self.mismatch(call, shape) { return self.refuse(call, failure, done) }
        guard shape.isStream || shape.uploads > 0 else {
            self.waiting.append((call, done))
            return self.next()
        }
        let beside = self.running.values.lazy.filter { $0.done == nil }.count
        guard beside < self.settings.streams else { return self.refuse(call, .tooMany, done) }
        self.run(call, shape, nil)
        done(.success(()))
    }

    private func mismatch(_ call: HubRequest.Call, _ shape: HubMethodShape) -> HubFailure? {
        switch call.kind {
        case .invocation where shape.isStream: return .isStream
        case .stream where !shape.isStream: return .isNoStream
        case .invocation, .stream, .either: break
        }
        guard call.uploads.count == shape.uploads else {
            return .uploads(sent: call.uploads.count, expected: shape.uploads)
        }
        let ids = call.uploads + (call.id.map { [$0] } ?? [])
        let used = ids.first { self.isUsed($0) } ?? (Set(ids).count < ids.count ? ids.first : nil)
        return used.map { .idInUse($0.description) }
    }

    private func isUsed(_ id: AckID) -> Bool {
        self.uploads[id] != nil || self.running.values.contains { $0.id == id } || self.waiting.contains { $0.call.id == id }
    }

    private func refuse(_ call: HubRequest.Call, _ failure: HubFailure, _ done: ActionCompletion) {
        self.complete(call.id, .failure(failure.text(call.target.string)))
        done(.success(()))
    }

    private func completed(_ id: AckID, _ outcome: HubRequest.Outcome) {
        if let upload = self.uploads.removeValue(forKey: id) {
            switch outcome {
            case .value: upload.finish(.success(()))
            case .failure(let text): upload.finish(.failure(HubUploadError(text: text.string)))
            }
        } else if let ask = self.asked.removeValue(forKey: id) {
            switch outcome {
            case .value(let data): ask.end(.success(data))
            case .failure(let text): ask.end(.failure(.failed(text.string)))
            }
        }
    }

    // MARK: - Running

    /// Begins the next call in order.
    private func next() {
        guard case .open = self.phase, !self.isBusy, let (call, done) = self.waiting.popFirst() else { return }
        // It existed when the call came.
        guard let shape = self.dispatcher.method(call.target.string) else {
            self.refuse(call, .unknownMethod, done)
            return self.next()
        }
        self.isBusy = true
        self.run(call, shape, done)
    }

    private func run(_ request: HubRequest.Call, _ shape: HubMethodShape, _ done: ActionCompletion?) {
        guard let caller else { return }
        self.lastNumber += 1
        let number = self.lastNumber
        let uploads = request.uploads.map { ($0, HubUpload()) }
        for (id, upload) in uploads { self.uploads[id] = upload }
        let call = HubCall(
            target: request.target.string,
            arguments: HubArguments(request.arguments),
            uploads: uploads.map(\.1),
            caller: caller,
            sendItem: request.id.map { id in self.sender(of: id) }
        )
        var running = Running(
            id: request.id,
            target: call.target,
            uploads: Dictionary(uploads) { first, _ in first },
            done: done
        )
        let (dispatcher, eventLoop, bound) = (self.dispatcher, self.eventLoop, self.bound)
        let opening: Task<Bool, Never>? = if case .opening(let task) = self.phase { task } else { nil }
        running.task = Task {
            let isIn = await opening?.value ?? true
            let outcome = isIn ? await dispatcher.outcome(of: call, isStream: shape.isStream) : .canceled
            eventLoop.execute { bound.value.ended(number, outcome) }
        }
        self.running[number] = running
        self.unfinished.wrappingIncrement(ordering: .relaxed)
    }

    private func ended(_ number: UInt64, _ outcome: HubCallOutcome) {
        guard let call = self.running.removeValue(forKey: number) else { return }
        for (id, upload) in call.uploads {
            upload.drop()
            self.uploads[id] = nil
        }
        if let error = outcome.error { self.log(error, "A hub method failed", call.target) }
        self.complete(call.id, outcome.reply)
        if let done = call.done {
            self.isBusy = false
            done(.success(()))
            self.next()
        }
        self.endIfIdle()
        self.unfinished.wrappingDecrement(ordering: .relaxed)
    }

    // MARK: - To the client

    private func complete(_ id: AckID?, _ outcome: HubReply.Outcome) {
        if let id { self.connection.send(.hub(.completion(id, outcome))) }
    }

    /// What sends items of a stream.
    private func sender(of id: AckID) -> @Sendable (HubData) async throws -> Void {
        let (eventLoop, connection) = (self.eventLoop, NIOLoopBound(self.connection, eventLoop: self.eventLoop))
        return { data in
            let written = eventLoop.makePromise(of: Void.self)
            eventLoop.execute { connection.value.send(.hub(.item(id, data)), written) }
            do { try await written.futureResult.get() } catch { throw CancellationError() }
        }
    }

    // MARK: - Calls for the client to answer

    func begin(_ ask: HubAsk, _ id: AckID, _ target: String, _ arguments: [HubData]) {
        guard self.connection.isOpen else { return ask.end(.failure(.ended)) }
        guard self.asked.count < self.settings.clientResults else { return ask.end(.failure(.tooMany)) }
        self.asked[id] = ask
        self.connection.send(.hub(.invocation(id: id, target: target, arguments: arguments)))
    }

    func forget(_ id: AckID) { self.asked[id] = nil }

    // MARK: -

    private func log(_ error: any Error, _ message: StaticString, _ target: String? = nil) {
        var metadata: Logger.Metadata = [LogKey.error: "\(error)"]
        if let target { metadata["volary.method"] = "\(target)" }
        self.logger.warning("\(message)", metadata: metadata)
    }
}

@available(*, unavailable)
extension ConnectionCalls: Sendable {}

extension Connection {
    /// Sends an item of a stream.
    /// - Parameter room: completed when the client may get the next one; failed when it is gone.
    fileprivate func send(_ event: ServerEvent, _ room: EventLoopPromise<Void>) {
        guard self.isOpen, let message = self.session.encode(event) else { return room.fail(CancellationError()) }
        let waits = self.unsentBytes > ConnectionCalls.unsentBytes
        if !self.send(message, written: waits ? room : nil) { return room.fail(CancellationError()) }
        if !waits { room.succeed() }
    }
}

extension AckID {
    fileprivate var description: String {
        switch self {
        case .number(let number): "\(number)"
        case .text(let text): text.text.string
        }
    }
}
