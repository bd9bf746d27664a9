import NIOCore
import VolaryBackplane
import VolaryProtocol

/// What REST does with sessions, attached or detached, of any node: operations of this node, in the order of the hub.
extension ResumableSessions {
    enum Failure: Error {
        /// The store does not answer. The operation may be carried out nevertheless.
        case unavailable
        /// A limit of a connection forbids the change.
        case refused
    }

    /// Operations that wait for their answers at one time.
    private static let operationsAtOnce = 256
    /// As for commands to nodes.
    private static let timeout = TimeAmount.seconds(5)

    /// Publishes a message to one connection.
    /// - Returns: nil when it has no session, or nobody knows.
    func publish(_ publication: Publication) async -> Result<PublishOutcome, BrokerError>? {
        guard case .connection(let id) = publication.audience,
            let record = try? await self.catalog.record(id, in: publication.hub)
        else { return nil }
        let operation = SessionOperation.publish(HubPublication(publication), from: nil)
        switch await self.sessions(in: publication.hub).execute(operation, timeout: Self.timeout) {
        case .executed?, .alreadyExecuted?, .duplicate?, .attached?:
            let isAttached = if case .attached = record.status { true } else { false }
            return .success(.relayed(receivers: isAttached ? 1 : 0))
        // The session has ended since.
        case .refused(.gone)?, .refused(.noReceiver)?: return .success(.relayed(receivers: 0))
        case .refused?: return .failure(.outboxFull)
        // It may still be executed.
        case nil, .gap?: return .success(.degraded(here: false))
        }
    }

    /// Changes the sessions of an audience.
    /// - Returns: how many sessions were changed, or were so before.
    /// - Throws: `refused` once those without room for a group are left out.
    func change(
        _ audience: Audience,
        in hub: HubName,
        _ action: AudienceCommand.Action,
        _ selection: PublicationDetails? = nil
    ) async throws(Failure) -> Int {
        let ids = try await self.find(audience, in: hub)
        var count = 0
        var isRefused = false
        for start in stride(from: 0, to: ids.count, by: Self.operationsAtOnce) {
            let some = try await self.records(of: Array(ids[start..<min(start + Self.operationsAtOnce, ids.count)]), in: hub)
                .filter { $0.isSelected(by: audience, selection) }
            guard !some.isEmpty else { continue }
            let sessions = self.sessions(in: hub)
            let results = await withTaskGroup(of: Result<Bool, Failure>.self) { tasks in
                for record in some {
                    tasks.addTask { await Self.change(record, action, by: sessions) }
                }
                return await tasks.reduce(into: [Result<Bool, Failure>]()) { $0.append($1) }
            }
            for result in results {
                switch result {
                case .success(let isChanged): count += isChanged ? 1 : 0
                case .failure(.refused): isRefused = true
                case .failure(.unavailable): throw .unavailable
                }
            }
        }
        guard !isRefused else { throw .refused }
        return count
    }

    /// - Returns: false when the session is gone.
    private static func change(
        _ record: SessionRecord,
        _ action: AudienceCommand.Action,
        by sessions: HubSessions
    ) async -> Result<Bool, Failure> {
        let operations: [SessionOperation] =
            switch action {
            case .close(let text): [.close(record.id, reason: text)]
            case .join(let groups): groups.map { .change(SessionChange(.joined($0), of: record.id)) }
            case .leave(let groups): groups.map { .change(SessionChange(.left($0), of: record.id)) }
            case .leaveAll: record.memberships.current.map { .change(SessionChange(.left($0), of: record.id)) }
            }
        var isRefused = false
        for operation in operations {
            switch await sessions.execute(operation, timeout: Self.timeout) {
            case nil, .gap?: return .failure(.unavailable)
            // The next group may find room.
            case .refused(.full)?: isRefused = true
            case .refused?: return .success(false)
            case .executed?, .attached?, .alreadyExecuted?, .duplicate?: break
            }
        }
        return isRefused ? .failure(.refused) : .success(true)
    }

    /// The sessions of an audience, or, for one connection, its id.
    private func find(_ audience: Audience, in hub: HubName) async throws(Failure) -> [ConnectionID] {
        let selection: SessionSelection
        switch audience {
        case .connection(let id): return [id]
        case .all: selection = SessionSelection()
        case .user(let user): selection = SessionSelection(user: user)
        case .group(let group): selection = SessionSelection(group: group)
        }
        do throws(SessionStoreError) {
            return try await self.catalog.find(selection, in: hub).map(\.id)
        } catch {
            throw .unavailable
        }
    }

    private func records(of connections: [ConnectionID], in hub: HubName) async throws(Failure) -> [SessionRecord] {
        do throws(SessionStoreError) {
            return try await self.catalog.store.records(of: connections, in: hub)
        } catch {
            throw .unavailable
        }
    }

    /// Changes or checks what the client of a session may do.
    /// - Returns: nil without such a session; otherwise whether the client has the permission, or the change was possible.
    func change(
        _ action: PermissionRequest.Action,
        _ permission: GroupPermission,
        for group: AudienceName?,
        of connection: ConnectionID,
        in hub: HubName
    ) async throws(Failure) -> Bool? {
        guard let record = try await self.records(of: [connection], in: hub).first else { return nil }
        var permissions = GroupPermissions(texts: record.permissions)
        let isPossible: Bool
        switch action {
        case .check: return group.map { permissions.allows(permission, $0) } ?? permissions.allowsAll(permission)
        case .grant: isPossible = permissions.grant(permission, for: group)
        case .revoke: isPossible = permissions.revoke(permission, for: group)
        }
        guard isPossible else { return false }
        let change = SessionChange(.permissions(permissions.texts), of: connection)
        switch await self.sessions(in: hub).execute(.change(change), timeout: Self.timeout) {
        case nil, .gap?: throw .unavailable
        case .refused(.full)?: return false
        case .refused?: return nil
        case .executed?, .attached?, .alreadyExecuted?, .duplicate?: return true
        }
    }
}
