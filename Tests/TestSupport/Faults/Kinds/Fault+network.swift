extension Fault {
    /// Faults of the network between nodes and Redis. Clients and REST callers do not use it.
    static let network = [
        Fault("slow", "300 ms latency each way for 3 s, all nodes") { cluster in
            try await Self.hinder(cluster.nodes, .delay(.milliseconds(300)), for: .seconds(3))
        },
        Fault("throttled", "3 KB/s for 4 s, all nodes", isFast: false) { cluster in
            try await Self.hinder(cluster.nodes, .throttle(bytesPerSecond: 3000), for: .seconds(4))
        },
        Fault("black-hole", "no data passes for 4 s, all nodes", isFast: false) { cluster in
            try await Self.hinder(cluster.nodes, .hold, for: .seconds(4))
        },
        Fault("links-reset", "all connections to Redis reset") { cluster in
            for node in cluster.nodes {
                let before = node.proxy.counters.connections
                try await node.proxy.cut()
                let back = await eventually { node.proxy.counters.connections > before }
                try Self.prove("node \(node.name) has not reconnected", back)
            }
        },
        Fault("node-cut-off", "one node cut off from Redis for 4 s", suffering: ["b"]) { cluster in
            try await Self.hinder(cluster.nodes.filter { $0.name == "b" }, .hold, for: .seconds(4))
        },
        Fault(
            "log-too-short",
            "one node cut off for 4 s, a log of 20 messages",
            suffering: ["b"],
            options: ["--history-messages", "20"],
            losesMessages: true
        ) { cluster in
            try await Self.hinder(cluster.nodes.filter { $0.name == "b" }, .hold, for: .seconds(4))
        },
        Fault(
            "no-log",
            "one node cut off for 4 s, no log (`--delivery at-most-once`)",
            isFast: false,
            suffering: ["b"],
            options: ["--delivery", "at-most-once"],
            losesMessages: true
        ) { cluster in
            try await Self.hinder(cluster.nodes.filter { $0.name == "b" }, .hold, for: .seconds(4))
        },
        Fault("node-deaf", "one node receives nothing from Redis for 4 s", suffering: ["b"]) { cluster in
            try await Self.hinder(cluster.nodes.filter { $0.name == "b" }, .hold, [.toClient], for: .seconds(4))
        },
        Fault("node-mute", "Redis receives nothing from one node for 4 s", isFast: false, suffering: ["b"]) { cluster in
            try await Self.hinder(cluster.nodes.filter { $0.name == "b" }, .hold, [.toServer], for: .seconds(4))
        },
    ]

    private static func hinder(
        _ nodes: [FaultNode],
        _ mode: TCPProxy.Mode,
        _ directions: [TCPProxy.Direction] = TCPProxy.Direction.allCases,
        for time: Duration
    ) async throws {
        let before = nodes.map(\.proxy.counters.hinderedBytes)
        for node in nodes { try await node.proxy.set(mode, directions) }
        try await Task.sleep(for: time)
        for node in nodes { try await node.proxy.set(.pass) }
        for (node, before) in zip(nodes, before) {
            try Self.prove("nothing was held back", node.proxy.counters.hinderedBytes > before)
        }
    }
}
