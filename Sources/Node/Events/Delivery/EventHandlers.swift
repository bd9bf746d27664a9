import AsyncHTTPClient
import Atomics
import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// Sends events to the handlers of hubs.
///
/// A failed event is sent again up to three times, so a handler may get it more than once, with the same `ce-id`.
final class EventHandlers: Service {
    /// Times of requests.
    struct Times: Sendable {
        /// For an event with all of its tries, until the end of the answer: 100 s.
        var total = TimeAmount.seconds(100)
        /// Between tries: 1, 3 and 5 s.
        var pauses: [Duration] = [.seconds(1), .seconds(3), .seconds(5)]
        /// For a question for permission: 10 s.
        var permission = TimeAmount.seconds(10)
    }

    /// Notifications of one hub that may wait or be under way: 10,000. Further ones are dropped.
    static let maximumNotifications = 10_000

    private struct State {
        var targets: [String: HandlerTarget] = [:]
        var lanes: [HubName: EventLane] = [:]
    }

    private let configuration: EventConfiguration
    private let keys: AccessKeys
    private let metrics: EventMetrics
    private let logger: Logger
    private let client: EventClient
    private let group: MultiThreadedEventLoopGroup
    private let times: Times
    /// Milliseconds since 1970, UTC.
    private let now: @Sendable () -> Int64
    private let state = NIOLockedValueBox(State())
    private let events = ManagedAtomic<Int>(0)

    init(
        _ configuration: EventConfiguration,
        keys: AccessKeys,
        metrics: EventMetrics,
        logger: Logger,
        group: MultiThreadedEventLoopGroup,
        times: Times = Times(),
        now: @escaping @Sendable () -> Int64
    ) {
        self.configuration = configuration
        self.keys = keys
        self.metrics = metrics
        self.logger = logger
        self.client = EventClient(group: group)
        self.group = group
        self.times = times
        self.now = now
    }

    /// Hubs with a handler for an event.
    func hubs(with event: SystemEvent) -> [HubName] {
        self.configuration.table.hubs.filter { $0.value.handler(of: event) != nil }.keys.sorted()
    }

    /// The current settings of a hub; nil for none.
    func settings(of hub: HubName) -> HubSettings? { self.configuration.table.hubs[hub] }

    // MARK: - Life

    /// Asks all handlers for permission, and serves until graceful shutdown. Requests that are then under way fail.
    func run() async throws {
        let questions = Task { await self.askAll() }
        try? await gracefulShutdown()
        questions.cancel()
        try await self.client.end()
    }

    /// Reads the file again. All handlers are asked for permission again, and none is suspended any more.
    func reload(logger: Logger) {
        guard self.configuration.file?.reload(logger: logger) == true else { return }
        let hubs = self.configuration.table.hubs
        self.state.withLockedValue { state in
            state.targets = [:]
            for (hub, lane) in state.lanes {
                lane.quota.limit(to: hubs[hub]?.maximumRequests ?? HubSettings.standardRequests)
            }
        }
        Task { await self.askAll() }
    }

    private func askAll() async {
        for (hub, settings) in self.configuration.table.hubs.sorted(by: { $0.key < $1.key }) {
            for handler in settings.handlers where !Task.isCancelled {
                let target = self.target(of: handler, hub)
                await target.prepare { await self.ask(target, handler) }
            }
        }
    }

    // MARK: - Events

    /// Events that wait or are under way. Counted by those who send them, because an event of a client may wait for earlier ones.
    var unfinished: Int { self.events.load(ordering: .relaxed) }

    func began() { self.events.wrappingIncrement(ordering: .relaxed) }

    func ended() { self.events.wrappingDecrement(ordering: .relaxed) }

    /// Sends an event.
    /// - Returns: the answer.
    func send(_ event: CloudEvent, to handler: EventHandler) async throws(EventFailure) -> HandlerAnswer {
        let start = NIODeadline.now()
        let work = Task { () -> Result<HandlerAnswer, EventFailure> in
            do throws(EventFailure) {
                return .success(try await self.deliver(event, to: handler, by: start + self.times.total))
            } catch {
                return .failure(error)
            }
        }
        let limit = self.group.next().scheduleTask(in: self.times.total) { work.cancel() }
        let result = await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
        limit.cancel()
        switch result {
        case .success: self.metrics.ended(event.kind, .answered, after: .now() - start)
        case .failure(let failure): self.report(failure, of: event, handler, after: .now() - start)
        }
        return try result.get()
    }

    /// Sends an event whose answer does not count. Dropped if too many of them wait.
    /// - Returns: nil after an answer with success.
    @discardableResult
    func notify(_ event: CloudEvent, to handler: EventHandler) async -> EventFailure? {
        let lane = self.lane(of: event.sender.hub)
        guard lane.beginNotification(maximum: Self.maximumNotifications) else {
            self.report(.tooMany, of: event, handler, after: .zero)
            return .tooMany
        }
        defer { lane.endNotification() }
        do throws(EventFailure) {
            _ = try await self.send(event, to: handler)
            return nil
        } catch {
            return error
        }
    }

    private func report(_ failure: EventFailure, of event: CloudEvent, _ handler: EventHandler, after time: TimeAmount) {
        self.metrics.ended(event.kind, failure.outcome, after: time)
        var metadata: Logger.Metadata = [
            LogKey.hub: "\(event.sender.hub)", LogKey.handler: "\(handler.url.origin)", LogKey.reason: "\(failure.outcome.text)",
        ]
        if case .status(let status) = failure { metadata[LogKey.status] = "\(status)" }
        // The names of events come from clients.
        if case .system(let kind) = event.kind { metadata[LogKey.event] = "\(kind.rawValue)" }
        if event.kind == .system(.connect), failure.outcome == .refused {
            self.logger.debug("A handler refused a client", metadata: metadata)
        } else {
            self.logger.warning("An event was not answered with success", metadata: metadata)
        }
    }

    // MARK: - Tries

    private func deliver(
        _ event: CloudEvent,
        to handler: EventHandler,
        by deadline: NIODeadline
    ) async throws(EventFailure) -> HandlerAnswer {
        let request = self.request(for: event, to: handler)
        var pauses = self.times.pauses[...]
        var isFirst = true
        while true {
            do throws(EventFailure) {
                return try await self.attempt(request, of: event, to: handler, isFirst: isFirst, by: deadline)
            } catch {
                // A client need not wait for a handler that is known to be down.
                let isHopeless = isFirst && error == .suspended && event.kind.isBlocking
                guard error.permitsRetry, !isHopeless, let pause = pauses.popFirst() else { throw error }
                guard (try? await Task.sleep(for: pause)) != nil else { throw .timedOut }
            }
            isFirst = false
            self.metrics.retried()
        }
    }

    private func attempt(
        _ request: HTTPClientRequest,
        of event: CloudEvent,
        to handler: EventHandler,
        isFirst: Bool,
        by deadline: NIODeadline
    ) async throws(EventFailure) -> HandlerAnswer {
        let target = self.target(of: handler, event.sender.hub)
        return try await self.lane(of: event.sender.hub).quota.run(bytes: event.byteCount) { () throws(EventFailure) in
            try await target.run(isFirst: isFirst) {
                await self.ask(target, handler)
            } _: { () throws(EventFailure) in
                try await self.client.answer(to: request, by: deadline)
            }
        }
    }

    private func request(for event: CloudEvent, to handler: EventHandler) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: handler.url.text(hub: event.sender.hub, event: event.kind.name))
        request.method = .POST
        request.headers = event.fields(
            origin: self.configuration.origin,
            signature: EventSignature.text(of: "\(event.sender.id)", keys: self.keys.keys),
            time: self.now(),
            requestID: UUID().uuidString.lowercased()
        )
        if let authorization = handler.authorization { request.headers.add(name: "Authorization", value: authorization) }
        request.body = .bytes(event.body)
        return request
    }

    // MARK: - Permission

    /// Asks a handler whether it allows events of this server.
    /// - Returns: nil if it does.
    private func ask(_ target: HandlerTarget, _ handler: EventHandler) async -> EventFailure? {
        let reason: String
        let failure: EventFailure
        do throws(EventFailure) {
            var response = try await self.question(.OPTIONS, target, handler)
            if response.status == .notFound { response = try await self.question(.GET, target, handler) }
            let isAllowed = AbuseProtection.isAllowed(response.headers, origin: self.configuration.origin)
            let isSuccess = (200...299).contains(response.status.code)
            if isSuccess, isAllowed { return nil }
            reason =
                isSuccess ? "WebHook-Allowed-Origin does not name \(self.configuration.origin)" : "status \(response.status.code)"
            failure = .notAllowed
        } catch {
            reason = error.outcome.text
            failure = error
        }
        guard failure != .stopped else { return failure }
        self.logger.warning(
            "An event handler has not allowed events of this server",
            // A query may contain a key.
            metadata: [LogKey.target: "\(target.url.prefix { $0 != "?" })", LogKey.reason: "\(reason)"]
        )
        return failure
    }

    private func question(
        _ method: HTTPMethod,
        _ target: HandlerTarget,
        _ handler: EventHandler
    ) async throws(EventFailure) -> HTTPClientResponse {
        var request = HTTPClientRequest(url: target.url)
        request.method = method
        request.headers = ["WebHook-Request-Origin": self.configuration.origin, "ce-awpsversion": "1.0"]
        if let authorization = handler.authorization { request.headers.add(name: "Authorization", value: authorization) }
        return try await self.client.head(of: request, by: .now() + self.times.permission)
    }

    private func target(of handler: EventHandler, _ hub: HubName) -> HandlerTarget {
        let url = handler.url.text(hub: hub, event: "validate")
        return self.state.withLockedValue { state in
            if let target = state.targets[url] { return target }
            let target = HandlerTarget(url: url)
            state.targets[url] = target
            return target
        }
    }

    private func lane(of hub: HubName) -> EventLane {
        let maximum = self.settings(of: hub)?.maximumRequests ?? HubSettings.standardRequests
        return self.state.withLockedValue { state in
            if let lane = state.lanes[hub] { return lane }
            let lane = EventLane(maximum: maximum)
            state.lanes[hub] = lane
            return lane
        }
    }
}
