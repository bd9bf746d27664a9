import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The common parts of all routes that push a message: the body, `hub`, `wait`, `timeout`, and the receipts.
struct PushService: Sendable {
    private enum Wait {
        case none
        case routed
        case written
    }

    let publisher: Publisher
    let inventory: Inventory
    let sessions: ResumableSessions?
    let directory: NodeDirectory
    let idempotency: IdempotencyMiddleware<ContinuousClock>
    let body: PushBody

    /// Checks the query and the head before the body is read.
    /// - Parameter audience: called with the hub when the request is carried out, not when its answer is repeated.
    func push(
        _ request: Request,
        _ context: HTTPRequestContext,
        to audience: @Sendable (HubName) async throws -> Audience
    ) async throws -> Response {
        let query = try Query(request, only: "hub", "wait", "timeout")
        let hub = try query.hub()
        let wait = try query.choice("wait", of: ["none": Wait.none, "routed": .routed, "written": .written]) ?? .routed
        let timeout = try query.timeout()
        try JSONBody.check(request, maximumBytes: self.body.maximumBodyBytes)
        return try await self.idempotency.handle(request, context) { request, _ in
            let content = try await self.body.content(of: request)
            if let quota = self.publisher.charge(bytes: content.payload.readableBytes, to: hub) {
                throw Problem.hubOverQuota(quota)
            }
            let audience = HubAudience(hub: hub, audience: try await audience(hub))
            return try await self.push(content, to: audience, wait: wait, timeout: timeout)
        }
    }

    private func push(
        _ content: PushContent,
        to audience: HubAudience,
        wait: Wait,
        timeout: TimeAmount
    ) async throws -> Response {
        if case .connection(let target) = audience.audience, wait != .none, !self.directory.expects(target.node) {
            if try await !self.hasSession(target, in: audience.hub) { try await self.findNode(of: target, in: audience.hub) }
        }
        do {
            if wait == .none {
                let (id, _) = try await self.publisher.pushWithoutReceipts(content, to: audience)
                return JSONBody.response(json: AcceptedPush(id: id).json, status: .accepted)
            }
            let result = try await self.publisher.push(content, to: audience, written: wait == .written, timeout: timeout)
            if result.lacksReceipts || result.answer.receipts.keys.contains(where: { self.directory.name(of: $0) == nil }) {
                // The node may be newer than the last heartbeat.
                await self.inventory.refreshDirectory()
            }
            var isConnected: Bool?
            if case .connection(let target) = audience.audience {
                isConnected = result.recipients > 0
                if result.connectionNotFound {
                    do {
                        // The connection is not open on its node. A connection that is closing is still listed.
                        guard try await self.inventory.connection(target, in: audience.hub) != nil else {
                            throw Problem.unknownConnection
                        }
                    } catch is PresenceError where wait == .written {
                        // Or the client reads too slowly.
                        isConnected = nil
                    }
                }
            }
            return JSONBody.response(
                PushResponse(result, audience: audience, isConnected: isConnected, directory: self.directory),
                status: result.isDegraded ? .accepted : .ok
            )
        } catch let error as BrokerError {
            throw Problem(error, field: content.field)
        } catch is PresenceError {
            // The node that would hold the connection reports that it does not.
            throw Problem.unknownConnection
        }
    }

    /// The connection of the hub that a path names.
    func find(_ connection: ConnectionReference, in hub: HubName) async throws -> ConnectionID {
        let short: ShortID
        switch connection {
        case .id(let id): return id
        case .beginning(let digits): short = digits
        }
        let ids = try await self.inventory.connections(beginningWith: short, in: hub)
        guard let id = ids.first else { throw Problem.unknownConnection }
        guard ids.count == 1 else {
            throw Problem(
                .conflict,
                "ambiguous-connection",
                "More than one connection id begins with these digits. Give all 32.",
                field: "id"
            )
        }
        return id
    }

    /// Changes one connection: its session, or by a command to its node.
    /// - Parameter send: publishes the command and waits for the receipt.
    func request(
        of connection: ConnectionID,
        in hub: HubName,
        _ action: AudienceCommand.Action,
        _ send: () async throws(BrokerError) -> PushOutcome
    ) async throws -> Response {
        var mayHaveSession = false
        if let sessions {
            do throws(ResumableSessions.Failure) {
                if try await sessions.change(.connection(connection), in: hub, action) > 0 { return Response(status: .noContent) }
            } catch {
                switch error {
                case .unavailable: mayHaveSession = true
                case .refused: throw Self.tooManyGroups
                }
            }
        }
        try await self.findNode(of: connection, in: hub)
        let result: PushOutcome
        do throws(BrokerError) {
            result = try await send()
        } catch {
            throw Problem(error)
        }
        if mayHaveSession, result.connectionNotFound { throw Problem.presenceUnavailable }
        return try result.noContent()
    }

    private func hasSession(_ connection: ConnectionID, in hub: HubName) async throws -> Bool {
        guard let sessions else { return false }
        do throws(SessionStoreError) {
            return try await sessions.catalog.record(connection, in: hub) != nil
        } catch {
            throw Problem.presenceUnavailable
        }
    }

    /// Checks that the node of the connection is alive, before anything is published. A published message stays in the log for
    /// a node that is disconnected, and the caller must not get 404 for something that is carried out later.
    private func findNode(of connection: ConnectionID, in hub: HubName) async throws {
        if connection.isRoaming {
            guard try await self.inventory.connection(connection, in: hub) != nil else { throw Problem.unknownConnection }
            return
        }
        if connection.node == self.directory.ownID { return }
        let isAnswered = await self.inventory.refreshDirectory()
        if self.directory.expects(connection.node) { return }
        throw isAnswered ? Problem.unknownConnection : Problem.presenceUnavailable
    }
}

extension PushService {
    fileprivate static let tooManyGroups = Problem(
        .conflict,
        "too-many-groups",
        "The connection is at its limit of groups, or of the bytes of their names: on /ws \(GroupLimits.standard.groups) groups and \(GroupLimits.standard.bytes) bytes.",
        field: "group"
    )
}

extension PushOutcome {
    /// The answer to a command to one node for one connection.
    func noContent() throws -> Response {
        if self.isRefused { throw PushService.tooManyGroups }
        if self.recipients > 0 { return Response(status: .noContent) }
        if self.connectionNotFound { throw Problem.unknownConnection }
        throw Problem.nodeSilent("The connection's node did not answer in time. It carries out the request when it can.")
    }
}

/// A connection, as a path names it.
enum ConnectionReference: Hashable, Sendable {
    /// All 32 digits.
    case id(ConnectionID)
    /// The first 8 digits, if only one connection's id begins with them.
    case beginning(ShortID)
}

extension HTTPRequestContext {
    /// The connection named by the path's `id`.
    func connection() throws -> ConnectionReference {
        let text = try self.parameter("id")
        if let id = ConnectionID(text) { return .id(id) }
        guard let short = ShortID(text) else { throw Problem.unknownConnection }
        return .beginning(short)
    }

    /// A name in the path.
    func name(_ parameter: String) throws -> AudienceName {
        guard let name = AudienceName(try self.parameter(parameter)) else {
            throw Problem(.badRequest, "invalid-name", "\(parameter) \(AudienceName.rule)", field: parameter)
        }
        return name
    }
}
