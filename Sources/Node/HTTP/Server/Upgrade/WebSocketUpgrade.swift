import NIOCore
import NIOHTTP1

/// Handles WebSocket handshakes and requests for event streams on any carrier: validates them, answers refused ones, and creates the
/// transport of an accepted one.
struct WebSocketUpgrade: Sendable {
    typealias Decision = Result<WebSocketAdmission.AdmittedClient, WebSocketHandshake.Refusal>

    /// See ``WebSocketHandshake/validate(_:isExtendedConnect:endpoints:acceptsUserQuery:compresses:)``.
    let endpoints: [Endpoint]
    /// Further endpoints, which may change; nil: none.
    var routes: PubSubRoutes?
    /// Of event streams; nil: none are served.
    var events: Endpoint?
    /// How long decisions take.
    var times = Histogram()
    let acceptsUserQuery: Bool
    let compresses: Bool
    let admission: WebSocketAdmission
    let phase: LifecyclePhase
    let activity: ActivityLog
    let makeTransport: @Sendable (WebSocketAdmission.AdmittedClient, WebSocketCarrier) -> any TransportHandler

    /// Whether WebSockets are accepted.
    var acceptsConnections: Bool { self.phase.phase < .draining }

    /// Whether further requests may follow on an HTTP connection. If not, the next one is the last.
    var keepsConnections: Bool { self.phase.phase == .serving }

    /// Whether a request that asks for no upgrade is one for an event stream. Such a request is a handshake, too.
    /// - Parameter target: path and query.
    func isEventStream(_ method: HTTPMethod, _ target: String, accept: @autoclosure () -> [String]) -> Bool {
        guard method == .GET, self.events != nil else { return false }
        return EventStreamHandshake.isAskedFor(target) || EventStreamHandshake.isAskedFor(target, accept: accept())
    }

    func isHandshake(_ head: HTTPRequestHead) -> Bool {
        WebSocketHandshake.isAskedFor(head) || self.isEventStream(head.method, head.uri, accept: head.headers["accept"])
    }

    /// - Returns: the client's request, if its handshake is valid and the node accepts WebSockets. Its credentials are checked
    ///   later.
    func validate(
        _ head: HTTPRequestHead,
        isExtendedConnect: Bool = false
    ) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        let client = try self.client(head, isExtendedConnect: isExtendedConnect)
        try self.admission.checkOrigin(head, client)
        guard self.acceptsConnections else { throw .draining }
        return client
    }

    private func client(
        _ head: HTTPRequestHead,
        isExtendedConnect: Bool
    ) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        if let events, !isExtendedConnect, !WebSocketHandshake.isAskedFor(head) {
            guard EventStreamHandshake.isAskedFor(head.uri) else {
                return try EventStreamHandshake.validate(
                    head,
                    endpoints: self.endpoints,
                    acceptsUserQuery: self.acceptsUserQuery
                )
            }
            return try EventStreamHandshake.validate(head, endpoint: events, acceptsUserQuery: self.acceptsUserQuery)
        }
        return try WebSocketHandshake.validate(
            head,
            isExtendedConnect: isExtendedConnect,
            endpoints: self.endpoints + (self.routes?.endpoints ?? []),
            acceptsUserQuery: self.acceptsUserQuery,
            compresses: self.compresses
        )
    }

    /// The bytes that accept a handshake over HTTP/1.1.
    func response(to head: HTTPRequestHead, for client: WebSocketHandshake.Client) -> ByteBuffer {
        client.carrier == .eventStream
            ? EventStreamHandshake.response(to: head) : WebSocketHandshake.response(to: head, for: client)
    }

    /// The fields of an answer that accepts a handshake, in lower case.
    func fields(of head: HTTPRequestHead, for client: WebSocketHandshake.Client) -> [(name: String, value: String)] {
        client.carrier == .eventStream
            ? EventStreamHandshake.fields(of: head) : WebSocketHandshake.fields(of: head, for: client)
    }

    /// Decides whether a client with a valid handshake may connect.
    /// - Parameter decided: called once, on the event loop: at once if nothing has to be awaited.
    func admit(
        _ head: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        on eventLoop: any EventLoop,
        decided: @escaping (Decision) -> Void
    ) {
        let start = eventLoop.now
        guard self.admission.needsTime(for: client) else {
            let decision = self.withRoom(WebSocketAdmission.AdmittedClient(client: client))
            self.times.record(eventLoop.now - start)
            return decided(decision)
        }
        let decided = NIOLoopBound(decided, eventLoop: eventLoop)
        // Not kept longer than needed: a task holds several kilobytes.
        let running = NIOLoopBoundBox<Task<Void, Never>?>(nil, eventLoop: eventLoop)
        running.value = Task {
            let result: Decision
            do throws(WebSocketHandshake.Refusal) {
                result = .success(try await self.admission.admit(head, client, on: eventLoop))
            } catch {
                result = .failure(error)
            }
            eventLoop.execute {
                running.value = nil
                self.times.record(eventLoop.now - start)
                guard case .success(let admitted) = result else { return decided.value(result) }
                // The node may have begun to drain in the meantime.
                decided.value(self.acceptsConnections ? self.withRoom(admitted) : .failure(.draining))
            }
        }
        if let time = self.admission.maximumTime(for: client) { eventLoop.scheduleTask(in: time) { running.value?.cancel() } }
    }

    private func withRoom(_ admitted: WebSocketAdmission.AdmittedClient) -> Decision {
        do throws(WebSocketHandshake.Refusal) {
            try self.admission.checkHub(admitted.client)
            return .success(admitted)
        } catch {
            return .failure(error)
        }
    }
}
