import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// One fixed schedule, which must end well with all rules, and badly without its own.
enum Race {
    static let group = AudienceName("g")

    /// - Parameter rules: taken away together, where one alone is hidden by another.
    static func check(
        on kind: SessionStoreKind,
        without rules: SessionRules...,
        permitting permitted: SessionWorld.Permitted = [],
        nodes: Int = 2,
        journalLimit: Int? = nil,
        _ schedule: (SessionWorld) async -> Void
    ) async throws {
        func run(_ rules: SessionRules) async throws -> [String] {
            let world = try await SessionWorld(on: kind, rules: rules, nodes: nodes, journalLimit: journalLimit)
            world.permitted = permitted
            await schedule(world)
            let violations = await world.finish()
            await world.faults.close()
            return violations
        }
        let violations = try await run(.all)
        #expect(violations == [])
        for rules in rules where kind.canRemove(rules) {
            let violations = try await run(.all.subtracting(rules))
            #expect(violations != [], "without rules \(rules.rawValue)")
        }
    }
}

/// Steps that several schedules share.
extension SessionWorld {
    /// A client that is attached at a node, at rest.
    func attachedClient(at node: Int, groups: [AudienceName] = []) async -> Int {
        let client = self.addClient(at: node, groups: groups)
        await self.settle()
        return client
    }

    /// A publication of a node, executed at once.
    func publishNow(
        _ text: String,
        to audience: Audience,
        at node: Int,
        filter: PubSubFilter? = nil,
        secondsToLive: UInt16? = nil
    ) async {
        self.publish(self.publication(text, to: audience, filter: filter, secondsToLive: secondsToLive), at: node)
        await self.executeAll(node)
    }

    func executeAll(_ node: Int) async { while !self.nodes[node].requests.isEmpty { await self.execute(node) } }

    /// The client gets all that is on its way.
    func receiveAll(_ client: Int) { while !self.clients[client].down.isEmpty { self.receive(client) } }

    /// The node reads all that the client has sent.
    func readAll(_ client: Int) { while !self.clients[client].up.isEmpty { self.read(client) } }

    /// The client goes away, and its node detaches the session.
    func detach(_ client: Int, from node: Int) async {
        self.cut(client)
        self.proceed(node)
        await self.drain(node)
    }

    /// The node claims the client's session; nothing else happens.
    func claim(_ client: Int, at node: Int) async {
        self.connect(client, to: node)
        await self.executeAll(node)
        await self.answer(node)
    }

    /// Everything under way at this node, and to and from this client.
    func run(_ client: Int, at node: Int) async {
        for _ in 0..<4 {
            self.readAll(client)
            await self.drain(node)
            self.receiveAll(client)
        }
    }

    func sends(_ client: Int, _ text: String, to audience: Audience) {
        let publication = self.publication(text, to: audience, from: self.clients[client].id)
        self.clients[client].say { .send($0, publication) }
    }
}
