import NIOConcurrencyHelpers
import VolaryProtocol

@testable import VolaryBackplane

/// The steps of which a schedule consists.
extension SessionWorld {
    typealias Request = SimulatedNode.Request

    private func caller(_ node: Int) -> SessionCaller {
        SessionCaller(hub: .default, node: self.nodes[node].id, seen: self.nodes[node].follower.seen)
    }

    /// The store executes the node's oldest request; the answer is on its way.
    func execute(_ node: Int) async {
        guard !self.nodes[node].requests.isEmpty, !self.nodes[node].isDead else { return }
        let request = self.nodes[node].requests.removeFirst()
        if let (answer, position, loss) = await self.executed(request, for: node) {
            self.nodes[node].answers.append((request, answer, position, loss))
        }
    }

    /// The store executes the oldest request of a lost connection, whose answer nobody gets.
    func executeStale(_ node: Int) async {
        guard !self.nodes[node].stale.isEmpty else { return }
        _ = await self.executed(self.nodes[node].stale.removeFirst(), for: node)
    }

    private typealias Executed = (SimulatedNode.Answer, Position, EpochLoss?)

    private func executed(_ request: Request, for node: Int) async -> Executed? {
        await self.faults.setTime(self.now)
        let executed = await self.callStore(request, for: node)
        for node in self.nodes where !node.isDead { await node.link.settle() }
        return executed
    }

    private func callStore(_ request: Request, for node: Int) async -> Executed? {
        do {
            let caller = self.caller(node)
            switch request {
            case .operation(let operation, let sequence):
                let before = try await self.fence(of: operation.writer)
                let observed = try await self.store.execute(operation, as: sequence, from: caller)
                switch observed.answer {
                case .executed where before != operation.writer?.fence:
                    self.violations.append("executed with a former fence")
                case .executed: self.ghost.executed(operation, at: observed.position.number)
                case .attached(let fence): self.attachedOnce(operation, fence)
                default: break
                }
                return (.operation(observed.answer), observed.position, observed.loss)
            case .claim(let id, let token, _):
                let observed = try await self.store.claim(id, tokenHash: token, from: caller)
                return (.claim(observed.answer), observed.position, observed.loss)
            case .detach(let session): return Self.other(try await self.store.detach(session, from: caller))
            case .acknowledge(let acknowledgements):
                let observed = try await self.store.acknowledge(acknowledgements, from: caller)
                return (.acknowledged(observed.answer), observed.position, observed.loss)
            case .read(let read, _):
                let observed = try await self.store.read(read, from: caller)
                return (.read(observed.answer), observed.position, observed.loss)
            case .vouch(let sessions, let epoch):
                let observed = try await self.store.vouch(for: sessions, in: epoch, from: caller)
                return (.vouched(observed.answer), observed.position, observed.loss)
            case .take(let session): return Self.other(try await self.store.take(session, from: caller))
            case .remove(let session): return Self.other(try await self.store.remove(session, reason: "test", from: caller))
            case .expire(let id): return Self.other(try await self.store.expire(id, from: caller))
            case .compare(let topics):
                let observed = try await self.store.lastNumbers(of: topics, from: caller)
                return (.numbers(observed.answer), observed.position, observed.loss)
            case .mark:
                let observed = try await self.store.mark(from: caller)
                return (.other, observed.position, observed.loss)
            }
        } catch {
            self.violations.append("\(error)")
            return nil
        }
    }

    private func fence(of writer: SessionWriter?) async throws -> Fence? {
        guard let writer else { return nil }
        return try await self.store.records(in: .default, after: nil, limit: 100).first { $0.id == writer.connection }?.fence
    }

    private static func other(_ observed: Observed<SessionAnswer>) -> Executed {
        (.other, observed.position, observed.loss)
    }

    private func attachedOnce(_ operation: SessionOperation, _ fence: Fence) {
        guard case .attach(let attachment) = operation, !self.ghost.knows(attachment.connection) else { return }
        self.ghost.executed(operation, at: fence.position.number)
    }

    /// The node gets its oldest answer.
    func answer(_ node: Int) async {
        guard !self.nodes[node].answers.isEmpty, !self.nodes[node].isDead, !self.nodes[node].isFrozen else { return }
        let (request, answer, position, loss) = self.nodes[node].answers.removeFirst()
        let epoch = self.nodes[node].follower.seen?.epoch
        self.act(node) { $0.follower.observed(position, loss, into: &$1) }
        // In a new epoch the node opens its link again.
        if let epoch, let loss, epoch != self.nodes[node].follower.seen?.epoch {
            await self.nodes[node].link.lose()
            self.resend(after: loss.lastOperation, node)
        }
        self.arrived(answer, to: request, at: position, node)
        self.proceed(node)
    }

    /// The node hears its oldest event of the link.
    func hear(_ node: Int) {
        guard !self.nodes[node].isDead, !self.nodes[node].isFrozen else { return }
        for event in self.nodes[node].link.receive(upTo: 1) {
            let now = self.now
            self.act(node) { $0.follower.received(event, now: now, into: &$1) }
            if event == .lost {
                self.nodes[node].mustRestoreLink = true
                self.nodes[node].linkRequests = []
            }
        }
        self.proceed(node)
    }

    func restoreLink(_ node: Int) {
        guard self.nodes[node].mustRestoreLink, !self.nodes[node].isDead else { return }
        self.nodes[node].mustRestoreLink = false
        self.act(node) { $0.follower.linkWasRestored(into: &$1) }
    }

    /// The store executes the node's oldest subscription.
    func subscribe(_ node: Int) async {
        guard !self.nodes[node].linkRequests.isEmpty, !self.nodes[node].isDead else { return }
        switch self.nodes[node].linkRequests.removeFirst() {
        case .subscribe(let topics): self.nodes[node].link.subscribe(to: topics)
        case .unsubscribe(let topics): self.nodes[node].link.unsubscribe(from: topics)
        }
        await self.nodes[node].link.settle()
    }

    /// The node reads a message of a client.
    func read(_ client: Int) {
        guard let node = self.connectedNode(of: client), !self.nodes[node].isFrozen, !self.clients[client].up.isEmpty
        else { return }
        self.nodes[node].connections[self.clients[client].id]?.inbox.append(self.clients[client].up.removeFirst())
        self.proceed(node)
    }

    /// The client gets what is sent to it.
    func receive(_ client: Int) {
        if let violation = self.clients[client].receive() { self.violations.append("client \(client): \(violation)") }
    }

    func acknowledge(_ client: Int) {
        guard self.clients[client].state == .connected else { return }
        self.clients[client].up.append(.acknowledge(self.clients[client].last))
    }

    /// The node stores the checkpoints that have moved.
    /// - Parameter turns: of so many calls, this is the one in which also half of the quiet sessions are stored.
    func storeCheckpoints(_ node: Int, of turns: Int = 1) {
        guard !self.nodes[node].isDead, !self.nodes[node].isFrozen else { return }
        var taken: [SessionAcknowledgement] = []
        self.act(node) { taken = $0.follower.takeCheckpoints(of: turns, into: &$1) }
        if !taken.isEmpty { self.nodes[node].requests.append(.acknowledge(taken)) }
    }

    /// A node looks for sessions of dead nodes, for its own that it does not follow, and for those whose window is over.
    func sweep(_ node: Int) async {
        guard !self.nodes[node].isDead, !self.nodes[node].isFrozen else { return }
        await self.faults.setTime(self.now)
        for other in self.nodes where other.isDead || other.id == self.nodes[node].id {
            for session in (try? await self.store.sessions(of: other.id, in: .default, limit: 100)) ?? [] {
                let isKnown = other.follower.sessions[session.connection] != nil || other.isBusy(with: session.connection)
                guard other.isDead || !isKnown else { continue }
                self.nodes[node].requests.append(.take(session))
            }
        }
        for id in (try? await self.store.expired(in: .default, limit: 100)) ?? [] {
            self.nodes[node].requests.append(.expire(id))
        }
    }
}

extension SessionWorld {
    func tick(_ node: Int) {
        guard !self.nodes[node].isDead, !self.nodes[node].isFrozen else { return }
        let now = self.now
        self.act(node) { $0.follower.tick(now: now, into: &$1) }
    }
}
