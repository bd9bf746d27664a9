import NIOCore
import VolaryBackplane
import VolaryProtocol

/// A node in a test of the contract: numbers its operations, and remembers the highest position.
struct ContractNode {
    let id: NodeID
    let endpoint: SessionEndpoint
    private var sequence: UInt64 = 0
    private(set) var seen: Position?

    init(_ number: UInt32, _ endpoint: SessionEndpoint) {
        self.id = NodeID(rawValue: number)
        self.endpoint = endpoint
    }

    var caller: SessionCaller { SessionCaller(hub: .default, node: self.id, seen: self.seen) }

    /// - Parameter sequence: of an operation that is repeated.
    mutating func execute(
        _ operation: SessionOperation,
        repeating sequence: UInt64? = nil
    ) async throws -> Observed<OperationAnswer> {
        if sequence == nil { self.sequence += 1 }
        let number = sequence ?? self.sequence
        let observed = try await self.endpoint.store.execute(
            operation,
            as: OperationSequence(number: number, previous: number - 1),
            from: self.caller
        )
        self.seen = max(self.seen ?? observed.position, observed.position)
        return observed
    }

    var lastSequence: UInt64 { self.sequence }

    /// A new session of this node.
    mutating func attach(_ connection: ConnectionID, groups: [AudienceName] = []) async throws -> OwnedSession {
        let attachment = SessionAttachment(
            connection: connection,
            protocol: "test",
            tokenHash: [1, 2, 3],
            window: .seconds(60),
            announcesEnd: true,
            groups: groups
        )
        guard case .attached(let fence) = try await self.execute(.attach(attachment)).answer else { throw ContractError() }
        return OwnedSession(connection: connection, fence: fence)
    }

    mutating func publish(
        _ text: String,
        to audience: Audience,
        as writer: SessionWriter? = nil
    ) async throws
        -> Observed<OperationAnswer>
    {
        try await self.execute(.publish(.test(text, to: audience), from: writer))
    }

    /// As REST does it.
    mutating func change(_ connection: ConnectionID, _ change: ControlEntry) async throws -> OperationAnswer {
        try await self.execute(.change(SessionChange(change, of: connection))).answer
    }

    func read(_ session: OwnedSession, after number: UInt64, groups: [AudienceName] = []) async throws -> SessionReadAnswer {
        let topics = Set([.all, .connection(session.connection)] + groups.map { Audience.group($0) })
        let read = SessionRead(session: session, after: number, topics: topics)
        return try await self.endpoint.store.read(read, from: self.caller).answer
    }

    func claim(_ connection: ConnectionID, token: [UInt8] = [1, 2, 3]) async throws -> ClaimAnswer {
        try await self.endpoint.store.claim(connection, tokenHash: token, from: self.caller).answer
    }
}

struct ContractError: Error {}

extension PubSubFilter {
    static func isMember(_ group: AudienceName) -> PubSubFilter { self.parsed("'\(group.text)' in groups") }
    static func isNotMember(_ group: AudienceName) -> PubSubFilter { self.parsed("not ('\(group.text)' in groups)") }

    static func parsed(_ text: String) -> PubSubFilter {
        do { return try PubSubFilter(parsing: UTF8Text(text)) } catch { preconditionFailure("\(text): \(error)") }
    }
}

extension HubPublication {
    static func test(_ text: String, to audience: Audience, _ details: PublicationDetails? = nil) -> HubPublication {
        HubPublication(
            Publication(
                id: .random(on: NodeID(rawValue: 1)),
                kind: .serverBroadcast,
                hub: .default,
                audience: audience,
                timestamp: 0,
                details: details,
                payload: ByteBuffer(string: text)
            )
        )
    }
}

extension LogEntry {
    /// Nil for a control entry.
    var text: String? {
        guard case .publication(let publication) = self.content else { return nil }
        return String(buffer: publication.publication.payload)
    }
}

extension HubLinkEvent {
    var text: String? { if case .entry(let entry, _) = self { entry.text } else { nil } }
}
