/// Something that goes wrong, and then is over.
public struct Fault: Sendable {
    /// On a command line: `redis-killed`.
    public let name: String
    /// In the table.
    public let title: String
    /// Short enough for every run of the tests.
    public let isFast: Bool
    /// Nodes whose link to Redis suffers. Nil: all.
    let suffering: [String]?
    /// Nodes whose processes end in it, and their clients' sockets with them. No other client's may.
    let killed: [String]
    /// These processes are asked to end: what they have taken, they must pass on.
    let isGraceful: Bool
    /// Of the nodes, when it takes other nodes than usual.
    public let options: [String]
    /// It happens to a Redis with replicas and sentinels.
    public let needsSentinels: Bool
    /// The master that is replaced may serve on for a while.
    let hasTwoMasters: Bool
    /// Messages must be lost in it, and announced.
    public let losesMessages: Bool
    /// Clients that are not recorded come and go. Nothing else is wrong, so every node must be ready all the time.
    let bringsStrangers: Bool
    /// Makes it happen, proves that it did (or throws), and ends it.
    let happen: @Sendable (FaultCluster) async throws -> Void

    /// From the end of the fault until the cluster must be whole again. Reconnecting waits 2 s at most, handshakes and commands 2 s
    /// each, a heartbeat comes once a second.
    public static let recoveryBound = Duration.seconds(20)

    init(
        _ name: String,
        _ title: String,
        isFast: Bool = true,
        suffering: [String]? = nil,
        killed: [String] = [],
        isGraceful: Bool = false,
        options: [String] = [],
        needsSentinels: Bool = false,
        hasTwoMasters: Bool = false,
        losesMessages: Bool = false,
        bringsStrangers: Bool = false,
        happen: @escaping @Sendable (FaultCluster) async throws -> Void
    ) {
        self.name = name
        self.title = title
        self.isFast = isFast
        self.suffering = suffering
        self.killed = killed
        self.isGraceful = isGraceful
        self.options = options
        self.needsSentinels = needsSentinels
        self.hasTwoMasters = hasTwoMasters
        self.losesMessages = losesMessages
        self.bringsStrangers = bringsStrangers
        self.happen = happen
    }

    /// Every one there is, in the order of the table.
    public static let all = redisProcess + redisState + sentinel + network + node + crowd

    /// Throws when something that should have happened has not.
    static func prove(_ what: String, _ condition: Bool) throws {
        guard condition else { throw FaultError("The fault did not happen: \(what)") }
    }

    /// As many connections as a node makes while it cannot reach its Redis, until the pauses between its attempts have grown: its three links
    /// pause for up to 50, 100, 200 ms and so on.
    private static let attempts = 20

    /// Waits until each of these nodes has tried again and again to get at a Redis that does not let it in.
    static func proveAttempts(of nodes: [FaultNode]) async throws {
        let before = nodes.map(\.proxy.counters.connections)
        for (node, before) in zip(nodes, before) {
            let hasTried = await eventually { node.proxy.counters.connections >= before + Self.attempts }
            try Self.prove("node \(node.name) does not try to connect", hasTried)
        }
    }

    /// All of these nodes have noticed.
    static func proveUnready(_ nodes: [FaultNode]) async throws {
        for node in nodes {
            let noticed = await eventually { await !node.isReady() }
            try Self.prove("node \(node.name) is ready all the time", noticed)
        }
    }
}
