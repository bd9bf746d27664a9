import Logging
import VolaryBackplane
import VolaryProtocol

/// Commands of other nodes. Each is answered with a receipt once it is carried out.
extension Delivery {
    /// When the event loop's queue is full, no receipt is sent: the caller then learns that this node did not answer, not that
    /// the connection does not exist.
    func close(_ request: CloseRequest) {
        self.onShard(of: request.connection, request.id) { shard in
            guard let connection = shard.connection(request.connection, in: request.hub),
                connection.isOpen || connection.hasLeftovers
            else {
                return self.answer([request.id], count: 0)
            }
            self.requests.close(connection, code: request.code, reason: request.reason) { self.answer([request.id], count: 1) }
        }
    }

    func change(_ request: MembershipRequest) {
        self.changes.append(of: request.connection) {
            do throws(BrokerError) {
                let outcome =
                    request.joins
                    ? try await self.requests.join(request.connection, in: request.hub, [request.group])
                    : await self.requests.leave(request.connection, in: request.hub, [request.group])
                self.answer([request.id], count: outcome.receipt)
            } catch {
                self.failed(error)
            }
        }
    }

    func carryOut(_ command: AudienceCommand) {
        Task {
            do throws(BrokerError) {
                self.answer([command.id], count: try await self.audienceCommands.carryOut(command))
            } catch {
                self.failed(error)
            }
        }
    }

    func carryOut(_ request: PermissionRequest) {
        self.onShard(of: request.connection, request.id) { shard in
            let connection = shard.connection(request.connection, in: request.hub).flatMap { $0.isOpen ? $0 : nil }
            let outcome = connection.map { self.requests.carryOut(request, on: $0) } ?? .unknownConnection
            self.answer([request.id], count: outcome.receipt)
        }
    }

    private func onShard(of connection: ConnectionID, _ id: PublicationID, _ body: @escaping @Sendable (ConnectionShard) -> Void)
    {
        guard let shard = self.connections.shard(of: connection) else { return self.answer([id], count: 0) }
        _ = shard.submit(body)
    }

    /// Not subscribed. Without a receipt, the node that sent the command reports a timeout.
    private func failed(_ error: BrokerError) {
        self.logger.warning("Group not joined", metadata: [LogKey.error: "\(error)"])
    }
}

extension ConnectionCommands.Outcome {
    fileprivate var receipt: UInt32 {
        switch self {
        case .done: 1
        case .unknownConnection: 0
        case .refused: Receipt.refused
        }
    }
}
