import Atomics
import HTTPTypes
import NIOCore
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// Carries out requests of clients of SignalR, at the nodes of their connections. This node opens the connection of a client of long polling
/// that no node has.
struct ConnectionRequests: Sendable {
    struct Answer: Sendable {
        let outcome: TransportAnswer.Outcome
        let body: ByteBuffer
        /// Call for a body, with whether it has been written to the client.
        let written: @Sendable (Bool) -> Void
    }

    /// A client that may open its connection.
    struct Opening: Sendable {
        let request: HTTPRequestHead
        let client: WebSocketHandshake.Client
    }

    /// How often to look for the node of a connection that has been taken: each 50 ms for 800 ms. Some clients post and poll at once, and another
    /// node may be opening it. Or it has ended.
    private static let attempts = 16
    private static let pause = Duration.milliseconds(50)
    /// How long a poll waits at a node that is shutting down: 200 ms.
    private static let drainPause = Duration.milliseconds(200)

    let connections: ConnectionManager
    let forwarded: ForwardedRequests
    let webSockets: WebSocketUpgrade
    /// Opens a connection, on its event loop.
    let openHere: @Sendable (WebSocketAdmission.AdmittedClient, any EventLoop) throws(WebSocketHandshake.Refusal) -> Void

    /// - Parameters:
    ///   - user: of the request's own token.
    ///   - opening: nil: an unknown connection stays unknown.
    func carryOut(
        _ action: TransportRequest.Action,
        of id: ConnectionID,
        in hub: HubName,
        user: AudienceName?,
        opening: Opening?
    ) async throws -> Answer {
        for attempt in 1... {
            let request = TransportRequest(
                id: .random(on: self.connections.node),
                hub: hub,
                connection: id,
                user: user,
                action: action
            )
            if let answer = await self.here(request) { return answer }
            if let answer = try await self.elsewhere(request) { return answer }
            guard let opening, !Task.isCancelled else { break }
            do throws(WebSocketHandshake.Refusal) {
                try await self.open(opening)
            } catch {
                guard error == .connectionInUse || error == .unknownConnection else { throw error.problem }
                guard attempt < Self.attempts else { break }
                try await Task.sleep(for: Self.pause)
            }
        }
        return Answer(outcome: .unknown, body: ByteBuffer()) { _ in }
    }

    // MARK: - At this node

    /// - Returns: nil when this node does not hold the connection.
    private func here(_ request: TransportRequest) async -> Answer? {
        guard let shard = self.connections.shard(of: request.connection) else { return nil }
        @Sendable func tell(_ action: TransportRequest.Action) {
            shard.eventLoop.execute {
                shard.connection(request.connection, in: request.hub)?.carryOut(request.followedBy(action)) { _, _ in }
            }
        }
        let isCanceled = ManagedAtomic(false)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                shard.eventLoop.execute {
                    guard let connection = shard.connection(request.connection, in: request.hub) else {
                        return continuation.resume(returning: nil)
                    }
                    connection.carryOut(request) { outcome, body in
                        continuation.resume(returning: Answer(outcome: outcome, body: body) { tell(.written($0)) })
                    }
                    if isCanceled.load(ordering: .acquiring) { tell(.abandon) }
                }
            }
        } onCancel: {
            isCanceled.store(true, ordering: .releasing)
            tell(.abandon)
        }
    }

    // MARK: - At another node

    /// - Returns: nil when no node holds the connection.
    private func elsewhere(_ request: TransportRequest) async throws -> Answer? {
        if request.action == .poll, self.forwarded.isDraining {
            // The client is to poll again at another node, and not at once: its balancer may not know yet.
            try await Task.sleep(for: Self.drainPause)
            return Answer(outcome: .data, body: ByteBuffer()) { _ in }
        }
        switch await self.forwarded.send(request) {
        case .answer(let answer, _) where answer.outcome == .over && self.forwarded.isDraining:
            return Answer(outcome: .data, body: ByteBuffer()) { _ in }
        case .answer(let answer, let node):
            let forwarded = self.forwarded
            return Answer(outcome: answer.outcome, body: answer.body) { forwarded.written($0, request, at: node) }
        case .nobody: return nil
        case .unreachable: throw WebSocketHandshake.Refusal.notSubscribed.problem
        case .overLimit: throw Problem.tooManyForwarded
        }
    }

    // MARK: - Opening

    private func open(_ opening: Opening) async throws(WebSocketHandshake.Refusal) {
        guard self.webSockets.acceptsConnections else { throw .draining }
        guard let eventLoop = self.connections.shards.randomElement()?.eventLoop else { throw .draining }
        let decision: Result<Void, WebSocketHandshake.Refusal> = await withCheckedContinuation { continuation in
            eventLoop.execute {
                self.webSockets.admit(opening.request, opening.client, on: eventLoop) { decision in
                    continuation.resume(returning: decision.flatMap { self.opened($0, on: eventLoop) })
                }
            }
        }
        try decision.get()
    }

    private func opened(
        _ admitted: WebSocketAdmission.AdmittedClient,
        on eventLoop: any EventLoop
    ) -> Result<Void, WebSocketHandshake.Refusal> {
        do throws(WebSocketHandshake.Refusal) {
            return .success(try self.openHere(admitted, eventLoop))
        } catch {
            return .failure(error)
        }
    }
}

extension Problem {
    fileprivate static let tooManyForwarded = Problem(
        .serviceUnavailable,
        "too-many-requests",
        "This node is at its limit of requests that wait for other nodes.",
        headers: [.retryAfter: "1"]
    )
}
