public import Logging
import NIOConcurrencyHelpers
public import NIOCore
import ServiceLifecycle
public import VolaryProtocol

/// Who is connected, kept in Redis: see ``RedisPresenceKeys`` for the keys and `Scripts/` for what is done with them.
///
/// Each call is one script and one round trip (a large update and a list some more, see ``RedisPresenceUpdate`` and ``RedisPageReader``) on a
/// connection of the store's own, judged on Redis' clock. While that is down, calls fail at once; otherwise each trip ends within the
/// configuration's command timeout. All keys also expire by themselves, 20 leases (at
/// least 10 minutes) after the last renewal: should a whole cluster vanish, nothing of it stays for ever.
public final class RedisPresenceStore: PresenceStore {
    private static let reapedSeconds = "\(PresenceLimits.reapedFor.components.seconds)"
    /// The shortest time that keys live on after the last renewal of a lease.
    private static let minimumBackstopMilliseconds: Int64 = 10 * 60 * 1000
    /// Lists that are read at a time, each with one script under way: 8. However many ask, Redis has others' commands between theirs.
    private static let maximumLists = 8

    /// Shared with what else of this node asks Redis for scripts.
    let runner: RedisScriptRunner
    private let keys: RedisPresenceKeys
    private let decoder: RedisPresenceDecoder
    /// By node, what its keys are known to hold, as ``RedisScript/contents`` has it. Forgotten when nobody knows whether a write was done.
    private let contents = NIOLockedValueBox<[NodeID: String]>([:])
    private let lists = ConcurrencyLimit(RedisPresenceStore.maximumLists)

    /// - Parameters:
    ///   - configuration: where Redis is, and the prefix of the keys.
    ///   - eventLoop: on which the connection lives.
    ///   - logger: for changes of the link's state and for records that do not decode.
    public convenience init(configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger) {
        let watch = MasterResolver(configuration: configuration, eventLoop: eventLoop, logger: logger)
        self.init(watch: watch, logger: logger)
    }

    /// - Parameter watch: shared by all that links this node to Redis, and on whose event loop the connection lives.
    public init(watch: MasterResolver, logger: Logger) {
        self.keys = RedisPresenceKeys(prefix: watch.configuration.keyPrefix)
        self.decoder = RedisPresenceDecoder(logger: logger)
        self.runner = RedisScriptRunner(role: "presence", watch: watch, logger: logger)
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
            var reader = RedisPageReader(query, keys: self.keys, decoder: self.decoder, evaluate: self.evaluate)
            return try await reader.read()
        }
    }

    public func connection(_ id: ConnectionID) async throws(PresenceError) -> ListedConnection? {
        let keys = [self.keys.nodes, self.keys.names, self.keys.details(of: id.node), self.keys.record(of: id.node)]
        return try self.decoder.connection(
            id,
            try await self.evaluate(.connection, keys, [id.node.description, id.description])
        )
    }

    public func run() async throws {
        self.runner.start()
        // Cancelled or asked to end: there is nothing to flush either way.
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
        let record = try RedisPresenceDecoder.json(of: node)
        return [node.id.description, "\(node.leaseMilliseconds)", "\(backstop)", node.name, record]
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
