import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out commands on this node's connections of an audience that any node of the cluster has sent: close, join and leave
/// groups.
struct AudienceCommands: Sendable {
    /// Assumed maximum difference between the clocks of two nodes: 10 s, in milliseconds.
    static let clockTolerance: Int64 = 10_000

    let connections: ConnectionManager
    let requests: ConnectionCommands
    let changes: SerialCommandQueue

    /// - Returns: the count for the receipt.
    func carryOut(_ command: AudienceCommand) async throws(BrokerError) -> UInt32 {
        switch command.action {
        case .close(let text): return await self.close(command, text: text)
        case .join(let groups):
            return try await self.change(command) { id async throws(BrokerError) in
                try await self.requests.join(id, in: command.hub, groups)
            }
        case .leave(let groups):
            return try await self.change(command) { await self.requests.leave($0, in: command.hub, groups) }
        case .leaveAll:
            return try await self.change(command) { await self.requests.leave($0, in: command.hub) }
        }
    }

    private func close(_ command: AudienceCommand, text: String) async -> UInt32 {
        let requests = self.requests
        let counts = await self.connections.onShards(of: command.target) { shard in
            let connections = shard.connections(meantBy: command)
            for connection in connections { requests.dismiss(connection, .normal, reason: "", text: text) }
            return UInt32(connections.count)
        }
        await requests.presence.flushed()
        return counts.reduce(0, +)
    }

    /// Changes the groups of each connection, in order with other changes of its groups.
    private func change(
        _ command: AudienceCommand,
        _ change: @escaping @Sendable (ConnectionID) async throws(BrokerError) -> ConnectionCommands.Outcome
    ) async throws(BrokerError) -> UInt32 {
        let ids = await self.connections.onShards(of: command.target) { $0.connections(meantBy: command).map(\.id) }.flatMap(
            \.self
        )
        typealias Result = Swift.Result<ConnectionCommands.Outcome, BrokerError>
        let changes = self.changes
        let results = await withTaskGroup(of: Result.self) { tasks in
            for id in ids {
                tasks.addTask {
                    await withCheckedContinuation { continuation in
                        changes.append(of: id) {
                            do throws(BrokerError) {
                                continuation.resume(returning: .success(try await change(id)))
                            } catch {
                                continuation.resume(returning: .failure(error))
                            }
                        }
                    }
                }
            }
            return await tasks.reduce(into: [Result]()) { $0.append($1) }
        }
        var count: UInt32 = 0
        var isRefused = false
        for result in results {
            switch try result.get() {
            case .done: count += 1
            // It has closed meanwhile.
            case .unknownConnection: break
            case .refused: isRefused = true
            }
        }
        return isRefused ? Receipt.refused : count
    }
}

extension AudienceCommand {
    fileprivate var target: HubAudience { HubAudience(hub: self.hub, audience: self.audience) }
}

extension ConnectionShard {
    /// The open connections that a command is for. Connections that came after it are left out, as far as clocks tell.
    fileprivate func connections(meantBy command: AudienceCommand) -> [Connection] {
        var connections: [Connection] = []
        _ = self.deliver(to: command.target) { connection in
            guard connection.isOpen || connection.hasLeftovers, connection.endpoint.joinsCluster,
                connection.connectedAt - AudienceCommands.clockTolerance <= command.timestamp,
                command.selection?.selects(connection) ?? true
            else { return false }
            connections.append(connection)
            return true
        }
        return connections
    }
}
