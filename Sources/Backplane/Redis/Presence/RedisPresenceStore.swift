public import Logging
import NIOConcurrencyHelpers
public import NIOCore
import ServiceLifecycle
public import VolaryProtocol

/// A ``PresenceStore`` in Redis: ``RedisPresenceKeys`` lists the keys, `Scripts/` contains the scripts.
///
/// A script uses the keys of one hub, of one node, or of the registry of leases, on Redis' clock. An update is one script for the
/// hub and one that extends the lease; a large update and a list take more, see ``RedisPresenceUpdate`` and ``RedisPageReader``.
/// While the connection is down, calls fail at once; otherwise each round trip ends within the configuration's command timeout.
/// All keys also expire by themselves, 20 leases (at least 10 minutes) after the last renewal, so that nothing remains if a whole
/// cluster disappears.
///
/// Calls for one node are made one at a time.
public final class RedisPresenceStore: PresenceStore {
    /// Lists that are read from Redis at the same time, each with one script in progress: 8. This leaves time in Redis for other
    /// commands. The other lists wait in order. A list has its place only while it is read, and leaves the line when its caller is
    /// canceled.
    private static let maximumLists = 8

    private let scripts: RedisPresenceScripts
    private let keys: RedisPresenceKeys
    private let decoder: RedisPresenceDecoder
    private let reaper: RedisPresenceReaper
    /// The leases that were taken through this store.
    private let leases = NIOLockedValueBox<[NodeID: HeldLease]>([:])
    /// Whether no node was found that cannot share the store.
    private let isFormatChecked = NIOLockedValueBox(false)
    private let lists = ConcurrencyLimit(RedisPresenceStore.maximumLists)

    /// Shared with the node's other users of scripts.
    var runner: RedisScriptRunner { self.scripts.runner }

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
        self.scripts = RedisPresenceScripts(runner: RedisScriptRunner(role: "presence", resolver: resolver, logger: logger))
        self.reaper = RedisPresenceReaper(keys: self.keys, decoder: self.decoder, scripts: self.scripts)
    }

    // MARK: - Leases

    @discardableResult
    public func register(_ node: NodeRecord, claiming claim: NameClaim) async throws(PresenceError) -> NodeRegistration {
        self.forget(node.id)
        try await self.checkFormats(of: node)
        var arguments = try self.arguments(of: node)
        let reaping = [self.keys.registry, self.reaper.token, RedisPresenceReaper.milliseconds]
        switch claim {
        case .shared: arguments += ["0"] + reaping
        case .sole(let dead): arguments += ["1"] + reaping + dead.map(\.description)
        }
        let reply = try await self.scripts.evaluate(.register, self.keys.registration(of: node.id), arguments)
        let registration = try self.decoder.registration(reply)
        guard registration.namesakes.isEmpty else {
            return NodeRegistration(wasReaped: false, namesakes: registration.namesakes)
        }
        try await self.reaper.removeEntries(of: node.id, before: registration.number)
        var replaced: [HubName: Int] = [:]
        for dead in try await self.reaper.bury(registration.dead) { replaced.merge(dead.connections, uniquingKeysWith: +) }
        let lease = HeldLease(number: registration.number, milliseconds: node.leaseMilliseconds)
        self.leases.withLockedValue { $0[node.id] = lease }
        return NodeRegistration(wasReaped: registration.wasReaped, replacedConnections: replaced)
    }

    /// Once: a node of the former format that starts later finds no keys that it knows, and one of other formats finds this one.
    private func checkFormats(of node: NodeRecord) async throws(PresenceError) {
        guard !self.isFormatChecked.withLockedValue({ $0 }) else { return }
        let nodes = try self.decoder.count(try await self.scripts.evaluate(.formerNodes, [self.keys.formerLeases], []))
        guard nodes == 0 else { throw .formerFormat(nodes: nodes) }
        let foreign = try await self.nodes(thatDoNotShare: node.formats)
        guard foreign == 0 else { throw .foreignFormats(nodes: foreign) }
        self.isFormatChecked.withLockedValue { $0 = true }
    }

    private func nodes(thatDoNotShare formats: FormatRange) async throws(PresenceError) -> Int {
        do throws(PresenceError) {
            return try await self.nodes().count { !$0.expired && !$0.record.formats.overlaps(formats) }
        } catch {
            // The registration deletes what another program wrote in the place of the leases.
            guard case .refused = error else { throw error }
            return 0
        }
    }

    public func renew(_ node: NodeRecord) async throws(PresenceError) -> LeaseState {
        guard let number = try await self.held(node.id)?.number else { return .lost }
        let (lease, checks) = self.leases.withLockedValue { leases in
            leases[node.id]?.milliseconds = node.leaseMilliseconds
            let checks = leases[node.id]?.nextChecks() ?? []
            return (leases[node.id], checks)
        }
        if let lease, try await self.check(checks, of: node.id, lease) == .lost { return self.lost(node.id) }
        let arguments = try self.arguments(of: node) + ["\(number)", self.keys.registry]
        let reply = try await self.scripts.evaluate(.renew, self.keys.registration(of: node.id), arguments)
        guard try self.decoder.leaseState(reply) == .held else { return self.lost(node.id) }
        return .held
    }

    /// Whether the node's entries in some hubs are as it left them. Extends the lifetime of the keys.
    private func check(_ hubs: [HubName], of node: NodeID, _ lease: HeldLease) async throws(PresenceError) -> LeaseState {
        guard !hubs.isEmpty else { return .held }
        var calls: [RedisPresenceScripts.Call] = hubs.map { hub in
            let arguments = ["\(lease.number)", lease.hubs[hub]?.contents ?? "", "\(lease.backstop)"]
            return (.checkEntries, self.keys.entries(of: node, in: hub).all, arguments)
        }
        calls.append(self.entering(hubs, of: node, lease))
        for reply in try await self.scripts.evaluate(calls) where try self.decoder.leaseState(reply) == .lost { return .lost }
        return .held
    }

    private func entering(_ hubs: [HubName], of node: NodeID, _ lease: HeldLease) -> RedisPresenceScripts.Call {
        (.enterHubs, [self.keys.hubs(of: node)], ["\(lease.number)", "\(lease.backstop)"] + hubs.map(\.text))
    }

    public func unregister(_ node: NodeID) async throws(PresenceError) {
        self.forget(node)
        _ = try await self.scripts.evaluate(.unregister, self.keys.burial(of: node), [node.description])
        try await self.reaper.removeEverything(of: node)
    }

    public func reap() async throws(PresenceError) -> [ReapedNode] { try await self.reaper.reap() }

    // MARK: - Entries

    public func update(
        _ node: NodeID,
        in hub: HubName,
        adding: [ConnectionRecord],
        removing: [ConnectionID]
    ) async throws(PresenceError) -> LeaseState {
        guard adding.count + removing.count <= PresenceLimits.connectionsPerUpdate else { throw .tooManyChanges }
        guard let lease = try await self.held(node) else { return .lost }
        var update = RedisPresenceUpdate(adding: adding, removing: removing)
        // The hub is entered together with the first entries, and each step but the first extends the lease.
        var beside: RedisPresenceScripts.Call? = lease.hubs[hub] == nil ? self.entering([hub], of: node, lease) : nil
        while !update.isDone {
            async let besides = self.state(of: beside)
            let made = try await self.write(update.next, of: node, in: hub, lease)
            guard try await besides.get() == .held, let made else { return self.lost(node) }
            update.advance(by: made)
            beside = self.extending(node, lease)
        }
        return try await self.finish(node, in: hub, lease)
    }

    /// Extends the lease after the last write, and leaves a hub in which the node has no connections any more.
    private func finish(_ node: NodeID, in hub: HubName, _ lease: HeldLease) async throws(PresenceError) -> LeaseState {
        var calls = [self.extending(node, lease)]
        let isEmpty = self.leases.withLockedValue { $0[node]?.hubs[hub]?.connections == 0 }
        if isEmpty { calls.append((.leaveHubs, [self.keys.hubs(of: node)], [hub.text])) }
        for reply in try await self.scripts.evaluate(calls) where try self.decoder.leaseState(reply) == .lost {
            return self.lost(node)
        }
        if isEmpty { self.leases.withLockedValue { $0[node]?.left(hub) } }
        return .held
    }

    /// - Returns: the number of changes; nil when the lease is lost.
    private func write(
        _ step: RedisPresenceUpdate.Step,
        of node: NodeID,
        in hub: HubName,
        _ lease: HeldLease
    ) async throws(PresenceError) -> Int? {
        let contents = self.leases.withLockedValue { leases in
            defer { leases[node]?.writes(to: hub) }
            return leases[node]?.hubs[hub]?.contents ?? ""
        }
        let arguments = ["\(lease.number)", contents, "\(lease.backstop)"] + step.arguments()
        let reply = try await self.scripts.evaluate(.update, self.keys.entries(of: node, in: hub).all, arguments)
        guard let (made, contents) = try self.decoder.changesMade(reply, of: step.count) else { return nil }
        self.leases.withLockedValue { $0[node]?.wrote(contents, to: hub) }
        return made
    }

    private func extending(_ node: NodeID, _ lease: HeldLease) -> RedisPresenceScripts.Call {
        let connections = self.leases.withLockedValue { $0[node]?.connections ?? 0 }
        return (.extend, self.keys.extending(of: node), [node.description, "\(lease.number)", "\(connections)"])
    }

    /// - Parameter call: nil for none.
    private func state(of call: RedisPresenceScripts.Call?) async -> Result<LeaseState, PresenceError> {
        guard let call else { return .success(.held) }
        do throws(PresenceError) {
            return .success(try self.decoder.leaseState(try await self.scripts.result(call).get()))
        } catch {
            return .failure(error)
        }
    }

    public func take(_ id: ConnectionID, in hub: HubName, for time: Duration) async throws(PresenceError) -> Bool {
        let arguments = ["\(UInt64.random(in: 0 ... .max))", "\(Int64(time / .milliseconds(1)))"]
        return try self.decoder.count(try await self.scripts.evaluate(.take, [self.keys.taken(id, in: hub)], arguments)) == 1
    }

    // MARK: - Lists

    public func nodes() async throws(PresenceError) -> [NodeStatus] {
        try self.decoder.nodes(try await self.scripts.evaluate(.nodes, [self.keys.nodes[0]], [self.keys.registry]))
    }

    public func connections(_ query: ConnectionQuery) async throws(PresenceError) -> ConnectionPage {
        try await self.lists.run { () async throws(PresenceError) in
            var reader = RedisPageReader(query, keys: self.keys, decoder: self.decoder, evaluate: self.evaluateUnlessCanceled)
            return try await reader.read()
        }
    }

    public func connection(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection? {
        let entries = self.keys.entries(of: id.node, in: hub)
        let replies = try await self.scripts.evaluate([
            (.lease, self.keys.lease(of: id.node), [id.node.description]),
            (.connection, [entries.state, entries.details], [id.description]),
        ])
        guard let lease = try self.decoder.lease(replies[0])?.status else { return nil }
        return try self.decoder.connection(id, in: hub, replies[1], lease: lease)
    }

    /// Gives up the rest of a page that nobody needs.
    private func evaluateUnlessCanceled(
        _ script: RedisScript,
        _ keys: [String],
        _ arguments: [String]
    ) async throws(PresenceError) -> RESPValue {
        guard !Task.isCancelled else { throw .callerCanceled }
        return try await self.scripts.evaluate(script, keys, arguments)
    }

    // MARK: - Held leases

    public func run() async throws {
        self.runner.start()
        // Cancellation and graceful shutdown are the same here: there is nothing to send.
        try? await gracefulShutdown()
        self.runner.stop()
    }

    /// - Returns: the node's lease, which is read if it was not taken through this store; nil when there is none.
    private func held(_ node: NodeID) async throws(PresenceError) -> HeldLease? {
        if let lease = self.leases.withLockedValue({ $0[node] }) { return lease }
        let reply = try await self.scripts.evaluate(.lease, self.keys.lease(of: node), [node.description])
        guard let (status, milliseconds) = try self.decoder.lease(reply) else { return nil }
        let lease = HeldLease(number: status.number, milliseconds: milliseconds)
        self.leases.withLockedValue { $0[node] = lease }
        return lease
    }

    private func forget(_ node: NodeID) { self.leases.withLockedValue { $0[node] = nil } }

    private func lost(_ node: NodeID) -> LeaseState {
        self.forget(node)
        return .lost
    }

    private func arguments(of node: NodeRecord) throws(PresenceError) -> [String] {
        let backstop = HeldLease.backstop(milliseconds: node.leaseMilliseconds)
        let record = try RedisPresenceEncoder.json(of: node)
        return [
            node.id.description, "\(node.leaseMilliseconds)", "\(backstop)", node.name, record, node.registering ? "1" : "0",
        ]
    }
}
