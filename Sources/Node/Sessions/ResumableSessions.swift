import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The resumable connections of a node, in all hubs: admits clients of the reliable subprotocol, and carries out what REST wants of
/// sessions of any node.
final class ResumableSessions: Sendable {
    /// How long a client may be away.
    private static let window = Duration.seconds(60)
    /// How long messages must be kept: twice the time that a client may be away, because what it had not acknowledged is older.
    static let historyAge = Duration.seconds(120)
    let catalog: SessionCatalog
    /// The protocol of all clients with sessions.
    let spoken = SpokenProtocol(JSONPubSubProtocol(isReliable: true))
    private let service: SessionService
    private let connections: ConnectionManager
    private let directory: NodeDirectory
    private let fanOut: SessionFanOut
    private let loop: any EventLoop
    /// For how long the owner of a session must be missing before the session is taken from it: two heartbeats, in which a new
    /// node becomes known.
    private let graceMilliseconds: Int64
    /// Milliseconds since 1970, UTC.
    private let now: @Sendable () -> Int64
    /// Hubs stay, because a node numbers its operations in each of them.
    private let hubs = NIOLockedValueBox<[HubName: HubSessions]>([:])

    init(
        _ service: SessionService,
        connections: ConnectionManager,
        directory: NodeDirectory,
        fanOut: SessionFanOut,
        loop: any EventLoop,
        lease: Duration,
        now: @escaping @Sendable () -> Int64
    ) {
        self.graceMilliseconds = max(lease.milliseconds / 2, 1000)
        self.catalog = SessionCatalog(store: service.store)
        self.service = service
        self.connections = connections
        self.directory = directory
        self.fanOut = fanOut
        self.loop = loop
        self.now = now
    }

    /// Call only for hubs that have, or will have, a session.
    func sessions(in hub: HubName) -> HubSessions {
        self.hubs.withLockedValue { hubs in
            if let sessions = hubs[hub] { return sessions }
            let directory = self.directory
            let sessions = HubSessions(
                hub: hub,
                node: self.connections.node,
                service: self.service,
                loop: self.loop,
                host: self.fanOut,
                isLive: { directory.expects($0) },
                graceMilliseconds: self.graceMilliseconds,
                now: self.now
            )
            hubs[hub] = sessions
            return sessions
        }
    }

    // MARK: - Handshakes

    /// - Parameters:
    ///   - client: with the user, groups and permissions of its token or of a connect handler, or one that resumes a connection.
    ///   - announcesEnd: whether a handler will be told of the end of a new connection.
    /// - Returns: without a session when the connection can never be resumed.
    func admit(
        _ client: WebSocketHandshake.Client,
        announcesEnd: Bool,
        on eventLoop: any EventLoop
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketAdmission.AdmittedClient {
        let shard = self.connections.shard(of: eventLoop)
        guard !client.resumes else { return try await self.resume(client, on: shard) }
        return try await self.begin(client, announcesEnd: announcesEnd, on: shard)
    }

    private func begin(
        _ client: WebSocketHandshake.Client,
        announcesEnd: Bool,
        on shard: ConnectionShard
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketAdmission.AdmittedClient {
        let token = ReconnectionToken()
        let resumable = ResumableClient(client.id ?? self.connections.makeID(on: shard), on: shard, token: token)
        let sessions = self.sessions(in: client.hub)
        let attachment = SessionAttachment(
            connection: resumable.id,
            user: client.user,
            protocol: self.spoken.base.name,
            tokenHash: token.digest,
            window: Self.window,
            announcesEnd: announcesEnd,
            groups: GroupLimits.maximum.fitting(client.groups.sorted()),
            permissions: client.permissions.texts,
            state: ByteBuffer(string: client.handlerState ?? ""),
            connectedAt: self.now()
        )
        guard let handle = await sessions.attach(attachment, client: resumable) else { throw .notSubscribed }
        let ticket = SessionTicket(resumable, handle, of: sessions, connectedAt: attachment.connectedAt)
        return WebSocketAdmission.AdmittedClient(client: client, session: ticket)
    }

    private func resume(
        _ client: WebSocketHandshake.Client,
        on shard: ConnectionShard
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketAdmission.AdmittedClient {
        let refused = WebSocketAdmission.AdmittedClient(client: client)
        guard let id = client.parameters[PubSubHandshake.resumedParameter].flatMap({ ConnectionID($0.string) }),
            let token = client.parameters[PubSubHandshake.reconnectionParameter].map({ ReconnectionToken($0.string) })
        else { return refused }
        do throws(SessionStoreError) {
            // Anybody may name any hub, and a hub of this node stays.
            guard try await self.catalog.record(id, in: client.hub) != nil else { return refused }
        } catch {
            throw .notSubscribed
        }
        let resumable = ResumableClient(id, on: shard)
        let sessions = self.sessions(in: client.hub)
        switch await sessions.claim(id, tokenHash: token.digest, client: resumable) {
        case .never: return refused
        case .later: throw .notSubscribed
        case .claimed(let handle, let record):
            var client = client
            client.spoken = self.spoken
            client.user = record.user
            client.permissions = GroupPermissions(texts: record.permissions)
            client.handlerState = String(buffer: record.state)
            let ticket = SessionTicket(resumable, handle, of: sessions, connectedAt: record.connectedAt, record: record)
            return WebSocketAdmission.AdmittedClient(client: client, session: ticket)
        }
    }

    // MARK: - Shutdown

    /// Waits until the sessions of all clients are detached, for at most `time`, and ends.
    func end(within time: Duration) async {
        let deadline = ContinuousClock.now.advanced(by: time)
        let hubs = self.hubs.withLockedValue { Array($0.values) }
        for hub in hubs {
            while ContinuousClock.now < deadline, await !hub.isIdle() { try? await Task.sleep(for: .milliseconds(5)) }
            hub.stop()
        }
    }
}
