import Logging
import VolaryBackplane
import VolaryProtocol

/// Registers this node in the presence store under a name that no other living node has.
struct NodeNameClaim: Sendable {
    let store: any PresenceStore
    let name: NodeName
    let directory: NodeDirectory
    /// Whether another node answers a probe.
    let isAlive: @Sendable (NodeID) async throws(PresenceError) -> Bool
    let logger: Logger

    enum Outcome {
        case registered(NodeRegistration)
        /// The name was configured, and another living node has it. This node is not registered.
        case taken
    }

    /// Takes the lease and replaces dead nodes that have the name. A default name gets a number when another living node has it.
    /// - Parameter record: this node. Its name is replaced by the one that it gets.
    func register(_ record: inout NodeRecord) async throws(PresenceError) -> Outcome {
        var dead: Set<NodeID> = []
        while true {
            record.name = self.name.text
            let answer = try await self.store.register(record, claiming: .sole(dead: dead))
            if answer.namesakes.isEmpty { return .registered(answer) }
            let alive = try await self.alive(among: answer.namesakes)
            dead.formUnion(answer.namesakes.subtracting(alive))
            guard !alive.isEmpty else { continue }
            guard !self.name.isGiven else { return .taken }
            self.name.takeNext()
            record.name = self.name.text
            self.directory.rename(to: record)
            self.logger.notice("Another living node has this node's default name; this node took the next free name")
        }
    }

    private func alive(among nodes: Set<NodeID>) async throws(PresenceError) -> Set<NodeID> {
        let results = await withTaskGroup(of: (NodeID, Result<Bool, PresenceError>).self) { group in
            for node in nodes {
                group.addTask {
                    do throws(PresenceError) {
                        return (node, .success(try await self.isAlive(node)))
                    } catch {
                        return (node, .failure(error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var alive: Set<NodeID> = []
        for (node, result) in results where try result.get() { alive.insert(node) }
        return alive
    }
}
