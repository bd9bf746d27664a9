import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

/// A random schedule of everything that nodes, clients and the store may do.
struct RandomSchedule {
    enum Faults: CaseIterable {
        /// Transports, links, answers and nodes are lost, nodes freeze. Nobody may be told that it cannot be resumed.
        case lostNodes
        /// And the store loses its last writes, or its head.
        case lostHistory
        /// And time passes, logs are trimmed, sessions expire or are closed.
        case trimmedLogs
    }

    private static let groups = ["a", "b"].map { AudienceName($0)! }
    private static let users = ["u", "v"].map { AudienceName($0)! }

    let faults: Faults
    let rules: SessionRules
    var random: SplitMix64
    private var messages = 0
    private var hasReplica = false

    init(_ faults: Faults, seed: UInt64, rules: SessionRules = .all) {
        self.faults = faults
        self.rules = rules
        self.random = SplitMix64(state: seed)
    }

    /// - Returns: what is wrong.
    mutating func run(on kind: SessionStoreKind) async throws -> [String] {
        var limits = SessionLimits()
        if self.faults == .trimmedLogs { limits.logAge = .seconds(20) }
        let world = try await SessionWorld(on: kind, rules: self.rules, nodes: 2 + self.random.below(2), limits: limits)
        let violations = await self.run(world)
        await world.faults.close()
        return violations
    }

    private mutating func run(_ world: SessionWorld) async -> [String] {
        switch self.faults {
        case .lostNodes: break
        case .lostHistory: world.permitted = [.lostHistory]
        case .trimmedLogs: world.permitted = [.trimming, .closing]
        }
        for _ in 0..<(2 + self.random.below(3)) { self.addClient(world) }
        if self.random.chance(80) { await world.settle() }
        for _ in 0..<(100 + self.random.below(300)) {
            await self.step(world)
            world.advance(Int64(self.random.below(30)))
            guard world.violations.isEmpty else { return world.violations }
        }
        return await world.finish()
    }

    private mutating func step(_ world: SessionWorld) async {
        let node = self.random.below(world.nodes.count)
        let client = self.random.below(world.clients.count)
        switch self.random.below(100) {
        case 0..<22: await world.execute(node)
        case 22..<42: await world.answer(node)
        case 42..<58: world.hear(node)
        case 58..<64: await world.subscribe(node)
        case 64..<70: world.read(client)
        case 70..<76: for _ in 0...self.random.below(3) { world.receive(client) }
        case 76..<84: self.speak(world, client, node)
        case 84..<87: world.acknowledge(client)
        case 87..<89: world.storeCheckpoints(node, of: 1 + self.random.below(2))
        case 89: await self.sweep(world, node)
        case 90..<93:
            if !world.clients[client].isAttached(in: world) { world.connect(client, to: node) }
        case 93..<95:
            if self.random.chance(50) { world.cut(client) } else { world.leaveHalfOpen(client) }
        default: await self.fail(world, node, client)
        }
    }

    private mutating func speak(_ world: SessionWorld, _ client: Int, _ node: Int) {
        let group = Self.groups[self.random.below(2)]
        let isLive = world.clients[client].isLive
        switch self.random.below(10) {
        case 0..<3 where isLive: self.send(world, client)
        case 3 where isLive: world.clients[client].say { .join($0, group) }
        case 4 where isLive: world.clients[client].say { .leave($0, group) }
        case 5: world.change(self.random.chance(60) ? .joined(group) : .left(group), of: client, at: node)
        default: world.publish(self.publication(world, from: nil, client), at: node)
        }
    }

    private mutating func send(_ world: SessionWorld, _ client: Int) {
        let publication = self.publication(world, from: world.clients[client].id, self.random.below(world.clients.count))
        world.clients[client].say { .send($0, publication) }
    }

    private mutating func publication(_ world: SessionWorld, from sender: ConnectionID?, _ client: Int) -> HubPublication {
        self.messages += 1
        let group = Self.groups[self.random.below(2)]
        let audience: Audience =
            switch self.random.below(8) {
            case 0..<2: .all
            case 2..<6: .group(group)
            case 6: .user(Self.users[self.random.below(2)])
            default: .connection(world.clients[client].id)
            }
        let filter: PubSubFilter? =
            switch self.random.below(10) {
            case 0: .isMember(Self.groups[self.random.below(2)])
            case 1: .isNotMember(Self.groups[self.random.below(2)])
            default: nil
            }
        let secondsToLive: UInt16? = self.random.chance(15) ? UInt16(1 + self.random.below(2)) : nil
        return world.publication(
            "m\(self.messages)",
            to: audience,
            from: sender,
            noEcho: self.random.chance(20),
            filter: filter,
            secondsToLive: secondsToLive
        )
    }

    private mutating func addClient(_ world: SessionWorld) {
        let live = world.nodes.indices.filter { !world.nodes[$0].isDead }
        guard !live.isEmpty, world.clients.count < 6 else { return }
        let groups = Self.groups.filter { _ in self.random.chance(50) }
        let user = self.random.chance(50) ? Self.users[self.random.below(2)] : nil
        world.addClient(at: live[self.random.below(live.count)], groups: groups, user: user)
    }

    private mutating func sweep(_ world: SessionWorld, _ node: Int) async {
        await world.sweep(node)
        world.nodes[node].requests.append(.mark)
    }

    private mutating func fail(_ world: SessionWorld, _ node: Int, _ client: Int) async {
        let living = world.nodes.indices.filter { !world.nodes[$0].isDead }.count
        switch self.random.below(12) {
        case 0: await world.nodes[node].link.lose()
        case 1, 2: world.restoreLink(node)
        case 3: world.nodes[node].loseCommands()
        case 4: await world.executeStale(node)
        case 5: world.nodes[node].isFrozen.toggle()
        case 6 where living > 1 && self.random.chance(40):
            await world.kill(node, executing: self.random.below(3))
            await world.addNode()
        case 7: self.addClient(world)
        case 8: world.tick(node)
        default: await self.failMore(world, node, client)
        }
    }

    private mutating func failMore(_ world: SessionWorld, _ node: Int, _ client: Int) async {
        switch self.faults {
        case .lostNodes: break
        case .lostHistory:
            switch self.random.below(4) {
            case 0, 1:
                if self.hasReplica { await world.promoteReplica() } else { await world.stallReplica() }
                self.hasReplica.toggle()
            case 2 where self.random.chance(20):
                await world.deleteHead()
            default: break
            }
        case .trimmedLogs:
            switch self.random.below(4) {
            case 0, 1: world.advance(Int64(1000 * (1 + self.random.below(20))))
            case 2 where self.random.chance(30): world.advance(70_000)
            case 3 where self.random.chance(30):
                _ = world.nodes[node].send(.close(world.clients[client].id, reason: "test"))
            default: break
            }
        }
    }
}

extension SimulatedClient {
    /// Whether the client sees its node as connected.
    func isAttached(in world: SessionWorld) -> Bool { self.node != nil || !self.isLive }
}
