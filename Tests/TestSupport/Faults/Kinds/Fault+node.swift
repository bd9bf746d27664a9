extension Fault {
    /// Nodes that die, freeze, or are started twice.
    static let node = [
        Fault("node-killed", "kill -9 of a node; restarted after the lease", suffering: ["c"], killed: ["c"]) { cluster in
            let node = cluster.nodes[2]
            node.process.kill()
            try await Task.sleep(for: cluster.lease + .seconds(1))
            try await node.restart()
        },
        Fault("node-killed-back-at-once", "kill -9 of a node; restarted at once", isFast: false, suffering: ["c"], killed: ["c"])
        {
            cluster in
            try await cluster.nodes[2].restart()
        },
        Fault("all-restarted", "kill -9 of all nodes; restarted at once", killed: FaultCluster.names) {
            cluster in
            for node in cluster.nodes { node.process.kill() }
            try await withThrowingDiscardingTaskGroup { group in
                for node in cluster.nodes { group.addTask { try await node.restart() } }
            }
        },
        Fault(
            "rolling-restart",
            "SIGTERM to one node after the other; each restarted before the next",
            killed: FaultCluster.names,
            isGraceful: true,
            options: ["--drain-timeout", "2s"]
        ) { cluster in
            for node in cluster.nodes {
                let status = await node.process.terminate(within: .seconds(20))
                try Self.prove("node \(node.name) ended with \(status.map(String.init) ?? "nothing")", status == 0)
                try await node.restart()
                try Self.prove("node \(node.name) did not become ready", await eventually { await node.isReady() })
            }
        },
        Fault("node-frozen-1s", "a node frozen for 1 s", suffering: ["c"]) { cluster in
            try await Self.freeze(cluster.nodes[2], for: .seconds(1))
        },
        Fault("node-frozen-lease", "a node frozen for longer than its lease", suffering: ["c"]) { cluster in
            try await Self.freeze(cluster.nodes[2], for: cluster.lease + .seconds(2))
        },
        Fault("same-name", "three starts of another node with the name of a running one", suffering: []) { cluster in
            for _ in 0..<3 {
                let status = try await cluster.nodes[0].runTwin()
                try Self.prove("the other one ended with \(status)", status == 78)
            }
        },
    ]

    private static func freeze(_ node: FaultNode, for time: Duration) async throws {
        node.process.freeze()
        defer { node.process.thaw() }
        let start = ContinuousClock.now
        let answer = try? await node.request("GET", "/livez", within: .milliseconds(800))
        try Self.prove("node \(node.name) still answers", answer == nil)
        try await Task.sleep(until: start + time)
    }
}
