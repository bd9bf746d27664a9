/// A fault that is injected into a cluster, and ends.
public struct Fault: Sendable {
    /// The name on a command line, such as `redis-killed`.
    public let name: String
    /// The description in the table.
    public let title: String
    /// Whether it is short enough for every run of the tests.
    public let isFast: Bool
    /// Nodes whose link to Redis is affected. Nil for all nodes.
    let suffering: [String]?
    /// Nodes whose processes end in the fault, and so the sockets of their clients. No other client may lose its connection.
    let killed: [String]
    /// Whether the processes are asked to stop: then they must pass on all accepted messages.
    let isGraceful: Bool
    /// Options of the nodes, if the fault needs special ones.
    public let options: [String]
    /// Whether it needs a Redis with replicas and sentinels.
    public let needsSentinels: Bool
    /// Whether the replaced master may still serve for a while.
    let hasTwoMasters: Bool
    /// Whether messages must be lost, and the loss reported.
    public let losesMessages: Bool
    /// Whether additional clients that are not recorded are part of it. Nothing else is wrong then, so every node must be ready
    /// all the time.
    let hasUnrecordedClients: Bool
    /// Whether Redis loses data, stores nothing, or its process ends, so that reliable clients may be told that they cannot go on.
    let mayTell: Bool
    /// What reliable clients do beyond the usual.
    let habits: ReliableTraffic.Habits
    /// Injects the fault, proves that it took effect (or throws), and ends it.
    let inject: @Sendable (FaultCluster) async throws -> Void

    /// The longest time from the end of the fault until the cluster must have recovered. The pause before a reconnect is 2 s at
    /// most, handshakes and commands take 2 s each at most, and heartbeats are sent once a second.
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
        hasUnrecordedClients: Bool = false,
        mayTell: Bool = false,
        habits: ReliableTraffic.Habits = [],
        inject: @escaping @Sendable (FaultCluster) async throws -> Void
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
        self.hasUnrecordedClients = hasUnrecordedClients
        self.mayTell = mayTell
        self.habits = habits
        self.inject = inject
    }

    /// All faults, in the order of the table.
    public static let all = redisProcess + redisState + sentinel + network + node + crowd + clients + data + handler

    public var needsHandler: Bool { self.habits.contains(.asking) }

    /// Whether its nodes take reliable clients.
    public var hasReliableClients: Bool { !self.options.contains("at-most-once") }

    /// Throws when the condition is false.
    /// - Parameter what: what is wrong in this case.
    static func prove(_ what: String, _ condition: Bool) throws {
        guard condition else { throw FaultError("The fault did not take effect: \(what)") }
    }

    /// More connections than a node makes before the pauses between its attempts have grown: its three links pause for up to 50,
    /// 100, 200 ms and so on.
    private static let attempts = 20

    /// Waits until each of these nodes has tried repeatedly to connect to a Redis that refuses it.
    static func proveAttempts(of nodes: [FaultNode]) async throws {
        let before = nodes.map(\.proxy.counters.connections)
        for (node, before) in zip(nodes, before) {
            let hasTried = await eventually { node.proxy.counters.connections >= before + Self.attempts }
            try Self.prove("node \(node.name) does not try to connect", hasTried)
        }
    }

    /// Waits until all of these nodes have detected the fault.
    static func proveUnready(_ nodes: [FaultNode]) async throws {
        for node in nodes {
            let noticed = await eventually { await !node.isReady() }
            try Self.prove("node \(node.name) did not become unready", noticed)
        }
    }
}
