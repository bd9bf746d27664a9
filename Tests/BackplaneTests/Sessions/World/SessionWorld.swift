import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

@testable import VolaryBackplane

/// Nodes, clients and a store in which every message, answer and delivery waits until the test lets it happen.
final class SessionWorld {
    /// What a run may do that ends sessions with 1008.
    struct Permitted: OptionSet {
        let rawValue: Int
        /// A promoted replica, a lost head.
        static let lostHistory = Permitted(rawValue: 1)
        static let lostEntries = Permitted(rawValue: 2)
        static let trimming = Permitted(rawValue: 4)
        static let closing = Permitted(rawValue: 8)
    }

    static let window = Duration.seconds(60)

    let rules: SessionRules
    let faults: any WorldStore
    let time: NIOLockedValueBox<Int64>
    let journalLimit: Int?
    var permitted: Permitted = []
    var nodes: [SimulatedNode] = []
    var clients: [SimulatedClient] = []
    var ghost = GhostHistory()
    var replicaGhost: GhostHistory?
    var violations: [String] = []
    /// Texts whose publication was answered with success to a node that is not a client's: they must be in the history.
    var confirmed: Set<String> = []
    /// Whether a node that kept what it had confirmed died.
    var mayLoseConfirmed = false
    private var nextID: UInt64 = 1

    init(
        on kind: SessionStoreKind,
        rules: SessionRules = .all,
        nodes: Int = 2,
        limits: SessionLimits = SessionLimits(),
        journalLimit: Int? = nil
    ) async throws {
        let time = NIOLockedValueBox<Int64>(1_800_000_000_000)
        self.time = time
        self.rules = rules
        self.journalLimit = journalLimit
        self.faults = try await kind.worldStore(time: time, rules: rules, limits: limits)
        for _ in 0..<nodes { await self.addNode() }
    }

    var store: any SessionStore { self.faults.sessions }

    var now: Int64 { self.time.withLockedValue { $0 } }

    func advance(_ milliseconds: Int64) { self.time.withLockedValue { $0 += milliseconds } }

    // MARK: - Actors

    func addNode() async { self.nodes.append(await self.makeNode()) }

    private func makeNode() async -> SimulatedNode {
        let id = NodeID(rawValue: UInt32(self.unique()))
        let journal = self.journalLimit.map { OperationJournal(messages: $0) } ?? OperationJournal()
        return SimulatedNode(id: id, link: await self.faults.openLink(for: id), rules: self.rules, journal: journal)
    }

    func unique() -> UInt64 {
        self.nextID += 1
        return self.nextID
    }

    /// A client that connects to a node for the first time.
    @discardableResult
    func addClient(at node: Int, groups: [AudienceName] = [], user: AudienceName? = nil) -> Int {
        let id = ConnectionID(String(repeating: "0", count: 16) + Self.digits(self.unique(), 8) + "\(self.nodes[node].id)")!
        let client = SimulatedClient(id: id, token: [UInt8(truncatingIfNeeded: self.unique())], user: user, groups: groups)
        self.clients.append(client)
        self.connect(self.clients.count - 1, to: node)
        return self.clients.count - 1
    }

    private static func digits(_ number: UInt64, _ count: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: count - text.count) + text
    }

    /// Connects or reconnects.
    func connect(_ index: Int, to node: Int) {
        guard self.clients[index].isLive, self.clients[index].node == nil, !self.nodes[node].isDead else { return }
        self.clients[index].transport += 1
        let client = self.clients[index]
        self.clients[index].node = self.nodes[node].id
        self.clients[index].state = .connecting
        if client.hasAttached {
            self.nodes[node].requests.append(.claim(client.id, token: client.token, transport: client.transport))
        } else {
            guard self.nodes[node].connections[client.id] == nil else { return self.clients[index].lost() }
            let attachment = SessionAttachment(
                connection: client.id,
                user: client.user,
                protocol: "test",
                tokenHash: client.token,
                window: Self.window,
                groups: client.groups
            )
            self.nodes[node].connections[client.id] = .init(client: index, transport: client.transport)
            self.nodes[node].attaching[client.id] = attachment
            let named = NamedClient(client.id)
            self.act(node) {
                $0.follower.attach(client.id, client: named, user: client.user, groups: client.groups, into: &$1)
            }
            self.attachIfConfirmed(node)
        }
    }

    func publication(
        _ text: String,
        to audience: Audience,
        from sender: ConnectionID? = nil,
        noEcho: Bool = false,
        filter: PubSubFilter? = nil,
        secondsToLive: UInt16? = nil
    ) -> HubPublication {
        let publication = Publication(
            id: .random(on: NodeID(rawValue: 1)),
            kind: .message,
            sender: sender,
            hub: .default,
            audience: audience,
            timestamp: self.now,
            details: PublicationDetails(
                secondsToLive: secondsToLive,
                excluded: noEcho ? Set([sender].compactMap(\.self)) : [],
                filter: filter
            ),
            payload: ByteBuffer(string: text)
        )
        return HubPublication(publication)
    }

    /// A publication of the node itself: of REST, or a plain client.
    func publish(_ publication: HubPublication, at node: Int) {
        _ = self.nodes[node].send(.publish(publication, from: nil))
    }

    func change(_ change: ControlEntry, of client: Int, at node: Int) {
        _ = self.nodes[node].send(.change(SessionChange(change, of: self.clients[client].id)))
    }

    func index(of node: NodeID?) -> Int? { self.nodes.firstIndex { $0.id == node } }

    /// The node that has the client's present transport, once its session is there.
    func connectedNode(of client: Int) -> Int? {
        guard let node = self.index(of: self.clients[client].node),
            self.nodes[node].connections[self.clients[client].id]?.transport == self.clients[client].transport
        else { return nil }
        return node
    }

    // MARK: - Faults

    /// The transport is lost; the node finds out when it looks.
    func cut(_ client: Int) {
        if let node = self.connectedNode(of: client) { self.nodes[node].connections[self.clients[client].id]?.isCut = true }
        self.clients[client].lost()
    }

    /// The client loses its transport; the node has not noticed, with what is in its buffer.
    func leaveHalfOpen(_ client: Int) {
        let (id, up) = (self.clients[client].id, self.clients[client].up)
        if let node = self.connectedNode(of: client) { self.nodes[node].connections[id]?.inbox += up }
        self.clients[client].lost()
    }

    /// - Parameter executed: requests that still reach the store.
    func kill(_ node: Int, executing executed: Int = 0) async {
        for _ in 0..<executed where !self.nodes[node].requests.isEmpty { await self.execute(node) }
        self.nodes[node].isDead = true
        self.nodes[node].requests = []
        self.nodes[node].answers = []
        self.nodes[node].stale = []
        self.nodes[node].link.close()
        self.mayLoseConfirmed = true
        for client in self.clients.indices where self.clients[client].node == self.nodes[node].id { self.clients[client].lost() }
    }

    func stallReplica() async {
        await self.faults.stallReplica()
        self.replicaGhost = self.ghost
    }

    func promoteReplica() async {
        self.permitted.insert(.lostHistory)
        self.advance(self.faults.promotionTime)
        await self.faults.promoteReplica()
        if let replicaGhost { self.ghost = replicaGhost }
        self.replicaGhost = nil
        for node in self.nodes.indices { self.nodes[node].loseCommands() }
    }

    func deleteHead() async {
        self.permitted.insert(.lostHistory)
        self.advance(5)
        await self.faults.deleteHead()
        // Nodes send everything again.
        if self.faults.hasOperationsInHead { self.ghost.forgetPublications() }
    }
}
