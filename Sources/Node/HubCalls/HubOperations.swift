import NIOCore
import VolaryBackplane
public import VolaryProtocol

/// What a dispatcher can do with the clients of its hub, on all nodes.
public struct HubOperations: Sendable {
    /// Connections of the hub.
    public enum Target: Hashable, Sendable {
        /// - excluding: at most ``VolaryProtocol/PublicationDetails/maximumExcluded``.
        case all(excluding: Set<ConnectionID> = [])
        case group(AudienceName, excluding: Set<ConnectionID> = [])
        case user(AudienceName)
        case connection(ConnectionID)
    }

    /// How many connections an invocation has reached.
    public struct Reach: Hashable, Sendable {
        public let recipients: Int
        /// Whether all nodes with connections of the target have answered in time.
        public let isComplete: Bool
    }

    /// How long to wait for the answers of other nodes: 5 s.
    static let timeout = TimeAmount.seconds(5)

    public let hub: HubName
    let publisher: Publisher
    let connections: ConnectionManager
    let commands: ConnectionCommands

    /// Calls a method of clients, without results. Returns when all nodes have passed it to their connections.
    public func invoke(_ target: String, _ arguments: [HubValue], of clients: Target) async throws -> Reach {
        let (content, details) = try self.content(target, arguments, clients)
        do throws(BrokerError) {
            let outcome = try await self.publisher.push(
                content,
                details,
                to: HubAudience(hub: self.hub, audience: clients.audience),
                written: false,
                timeout: Self.timeout
            )
            return Reach(recipients: outcome.recipients, isComplete: !outcome.lacksReceipts && !outcome.isDegraded)
        } catch {
            throw self.failure(error)
        }
    }

    /// As ``invoke(_:_:of:)``, but returns when the cluster has the invocation.
    public func post(_ target: String, _ arguments: [HubValue], to clients: Target) async throws {
        let (content, details) = try self.content(target, arguments, clients)
        do throws(BrokerError) {
            _ = try await self.publisher.pushWithoutReceipts(
                content,
                details,
                to: HubAudience(hub: self.hub, audience: clients.audience)
            )
        } catch {
            throw self.failure(error)
        }
    }

    /// Calls a method of one client of this node and waits for its answer. See ``HubCaller/ask(_:_:timeout:)``.
    public func ask(_ target: String, _ arguments: [HubValue], of id: ConnectionID, timeout: Duration) async throws -> HubData? {
        let caller = await self.connections.onShard(of: id, in: self.hub) { $1.state.calls?.caller }
        guard let caller = caller ?? nil else { throw HubAskError.notHere }
        return try await caller.ask(target, arguments, timeout: timeout)
    }

    /// Returns when everything that is sent to the group from now on reaches the connection. Without effect on a connection that does
    /// not exist.
    public func add(_ id: ConnectionID, to group: AudienceName) async throws { try await self.change(id, group, joins: true) }

    /// Returns when nothing that is sent to the group from now on reaches the connection.
    public func remove(_ id: ConnectionID, from group: AudienceName) async throws {
        try await self.change(id, group, joins: false)
    }

    private func change(_ id: ConnectionID, _ group: AudienceName, joins: Bool) async throws {
        let isRefused: Bool
        do throws(BrokerError) {
            if self.connections.shard(of: id) == nil {
                isRefused = try await self.publisher.change(
                    id,
                    in: self.hub,
                    group: group,
                    joins: joins,
                    timeout: Self.timeout
                ).isRefused
            } else if joins {
                isRefused = try await self.commands.join(id, in: self.hub, [group]) == .refused
            } else {
                isRefused = await self.commands.leave(id, in: self.hub, [group]) == .refused
            }
        } catch {
            throw self.failure(error)
        }
        if isRefused { throw HubSendError.tooManyGroups }
    }

    /// Ends a connection. Without effect on one that does not exist.
    public func close(_ id: ConnectionID) async throws {
        do throws(BrokerError) {
            _ = try await self.publisher.close(
                id,
                in: self.hub,
                code: .normal,
                reason: "closed by the hub",
                timeout: Self.timeout
            )
        } catch {
            throw self.failure(error)
        }
    }

    // MARK: -

    private func content(
        _ target: String,
        _ arguments: [HubValue],
        _ clients: Target
    ) throws -> (PushContent, PublicationDetails?) {
        guard clients.excluded.count <= PublicationDetails.maximumExcluded else { throw HubSendError.tooManyExcluded }
        let payload = HubInvocation(target: UTF8Text(target), arguments: try HubValue.list(arguments)).payload
        guard payload.readableBytes <= Limits.maximumPayloadBytes else { throw HubSendError.tooLarge }
        guard self.publisher.charge(bytes: payload.readableBytes, to: self.hub) == nil else { throw HubSendError.overQuota }
        return (PushContent(dataType: .json, payload: payload), PublicationDetails(excluded: clients.excluded))
    }

    private func failure(_ error: BrokerError) -> HubSendError {
        switch ActionFailure(error, isUp: self.publisher.broker.health.isUp) {
        case .tooLarge: .tooLarge
        case .busy, .historyFull: .busy
        case .unreachable: .unreachable
        default: .refused
        }
    }
}

extension HubOperations.Target {
    fileprivate var audience: Audience {
        switch self {
        case .all: .all
        case .group(let name, _): .group(name)
        case .user(let name): .user(name)
        case .connection(let id): .connection(id)
        }
    }

    fileprivate var excluded: Set<ConnectionID> {
        switch self {
        case .all(let excluded), .group(_, let excluded): excluded
        case .user, .connection: []
        }
    }
}

/// Why something for clients was not sent.
public enum HubSendError: Error, Hashable, Sendable {
    /// The hub's node has not started.
    case notStarted
    /// Larger than the cluster takes.
    case tooLarge
    /// More connections are left out than one message may name.
    case tooManyExcluded
    /// The connection is at its limit of groups.
    case tooManyGroups
    /// The text is not the name of a group or a user: ``VolaryProtocol/AudienceName/rule``.
    case invalidName
    /// Too much is waiting. A retry may succeed.
    case busy
    /// The hub has used up its messages or bytes of this second. A retry may succeed.
    case overQuota
    /// The cluster cannot be reached. A retry may succeed.
    case unreachable
    /// The cluster refuses the message, and would refuse it again.
    case refused
}
