public import Logging
import NIOConcurrencyHelpers
public import NIOCore
import ServiceLifecycle
public import VolaryProtocol

/// A ``PresenceStore`` in Redis: ``RedisPresenceKeys`` lists the keys, `Scripts/` contains the scripts.
///
/// Each call is one script and one round trip on the store's own connection, on Redis' clock. A large update and a list take
/// more, see ``RedisPresenceUpdate`` and ``RedisPageReader``. While the connection is down, calls fail at once; otherwise each
/// round trip ends within the configuration's command timeout. All keys also expire by themselves, 20 leases (at least 10
/// minutes) after the last renewal, so that nothing remains if a whole cluster disappears.
public final class RedisPresenceStore: PresenceStore {
    private static let reapedSeconds = "\(PresenceLimits.reapedFor.components.seconds)"
    /// The shortest time after which keys expire without a renewal of the lease.
    private static let minimumBackstopMilliseconds: Int64 = 10 * 60 * 1000
    /// Lists that are read from Redis at the same time, each with one script in progress: 8. This leaves time in Redis for other
    /// commands. The other lists wait in order. A list has its place only while it is read, and leaves the line when its caller is
    /// canceled.
    private static let maximumLists = 8

    /// Shared with the node's other users of scripts.
    let runner: RedisScriptRunner
    private let keys: RedisPresenceKeys
    private let decoder: RedisPresenceDecoder
    /// By node: the known contents of its keys, as ``RedisScript/contents`` returns them. Removed when it is not known whether a
    /// write took effect.
    private let contents = NIOLockedValueBox<[NodeID: String]>([:])
    private let lists = ConcurrencyLimit(RedisPresenceStore.maximumLists)

    /// - Parameters:
    ///   - configuration: the address of Redis, and the prefix of the keys.
    ///   - eventLoop: the event loop of the connection.
    ///   - logger: for changes of the link's state and for records that cannot be decoded.
    public convenience init(configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger) {
        let resolver = MasterResolver(configuration: configuration, eventLoop: eventLoop, logger: logger)
        self.init(resolver: resolver, logger: logger)
    }

    /// - Parameter resolver: shared by all links of this node to Redis, and the owner of the event loop on which the connection
    ///   lives.
    public init(resolver: MasterResolver, logger: Logger) {
        self.keys = RedisPresenceKeys(prefix: resolver.configuration.keyPrefix)
        self.decoder = RedisPresenceDecoder(logger: logger)
        self.runner = RedisScriptRunner(role: "presence", resolver: resolver, logger: logger)
    }

    @discardableResult
    public func register(_ node: NodeRecord, claiming claim: NameClaim) async throws(PresenceError) -> NodeRegistration {
        var arguments = try self.arguments(of: node)
        switch claim {
        case .shared: arguments += ["0", self.keys.nodePrefix, Self.reapedSeconds]
        case .sole(let dead): arguments += ["1", self.keys.nodePrefix, Self.reapedSeconds] + dead.map(\.description)
        }
        self.know(nil, of: node.id)
        let reply = try await self.evaluate(.register, self.keys.all(of: node.id), arguments)
        let (registration, contents) = try self.decoder.registration(reply)
        if registration.namesakes.isEmpty { self.know(contents, of: node.id) }
        return registration
    }

    public func renew(_ node: NodeRecord) async throws(PresenceError) -> LeaseState {
        let arguments = try self.arguments(of: node) + [self.keys.nodePrefix, self.knownContents(of: node.id)]
        let reply = try await self.evaluate(.renew, self.keys.all(of: node.id), arguments)
        return try self.decoder.leaseState(reply)
    }

    public func update(
        _ node: NodeID,
        in hub: HubName,
        adding: [ConnectionRecord],
        removing: [ConnectionID]
    ) async throws(PresenceError) -> LeaseState {
        guard adding.count + removing.count <= PresenceLimits.connectionsPerUpdate else { throw .tooManyChanges }
        var update = RedisPresenceUpdate(adding: adding, removing: removing)
        repeat {
            let step = update.next
            let arguments = [node.description, self.knownContents(of: node)] + step.arguments()
            self.know(nil, of: node)
            let reply = try await self.evaluate(.update, self.keys.all(of: node), arguments)
            guard let (made, contents) = try self.decoder.changesMade(reply, of: step.count) else { return .lost }
            self.know(contents, of: node)
            update.advance(by: made)
        } while !update.isDone
        return .held
    }

    public func unregister(_ node: NodeID) async throws(PresenceError) {
        self.know(nil, of: node)
        _ = try await self.evaluate(.unregister, self.keys.all(of: node), [node.description])
    }

    public func reap() async throws(PresenceError) -> [ReapedNode] {
        let arguments = [self.keys.nodePrefix, Self.reapedSeconds]
        let reply = try await self.evaluate(.reap, [self.keys.nodes, self.keys.names], arguments)
        return try self.decoder.reaped(reply)
    }

    public func nodes() async throws(PresenceError) -> [NodeStatus] {
        try self.decoder.nodes(try await self.evaluate(.nodes, [self.keys.nodes], [self.keys.nodePrefix]))
    }

    public func connections(_ query: ConnectionQuery) async throws(PresenceError) -> ConnectionPage {
        try await self.lists.run { () async throws(PresenceError) in
            var reader = RedisPageReader(query, keys: self.keys, decoder: self.decoder, evaluate: self.evaluateUnlessCanceled)
            return try await reader.read()
        }
    }

    public func connection(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection? {
        let keys = [self.keys.nodes, self.keys.names, self.keys.details(of: id.node), self.keys.record(of: id.node)]
        return try self.decoder.connection(
            id,
            try await self.evaluate(.connection, keys, [id.node.description, id.description])
        )
    }

    public func run() async throws {
        self.runner.start()
        // Cancellation and graceful shutdown are the same here: there is nothing to send.
        try? await gracefulShutdown()
        self.runner.stop()
    }

    private func knownContents(of node: NodeID) -> String { self.contents.withLockedValue { $0[node] ?? "" } }

    private func know(_ contents: String?, of node: NodeID) { self.contents.withLockedValue { $0[node] = contents } }

    private func arguments(of node: NodeRecord) throws(PresenceError) -> [String] {
        let backstop = max(
            node.leaseMilliseconds.multipliedReportingOverflow(by: 20).partialValue,
            Self.minimumBackstopMilliseconds
        )
        let record = try RedisPresenceEncoder.json(of: node)
        return [node.id.description, "\(node.leaseMilliseconds)", "\(backstop)", node.name, record]
    }

    /// Gives up the rest of a page that nobody needs.
    private func evaluateUnlessCanceled(
        _ script: RedisScript,
        _ keys: [String],
        _ arguments: [String]
    ) async throws(PresenceError) -> RESPValue {
        guard !Task.isCancelled else { throw .callerCanceled }
        return try await self.evaluate(script, keys, arguments)
    }

    private func evaluate(
        _ script: RedisScript,
        _ keys: [String],
        _ arguments: [String]
    ) async throws(PresenceError) -> RESPValue {
        do throws(RedisScriptError) {
            return try await self.runner.evaluate(script, keys: keys, arguments: arguments)
        } catch {
            switch error {
            case .unavailable(let reason): throw .unavailable(reason)
            case .refused(let reason): throw .refused(reason)
            }
        }
    }
}
