/// Faults between reliable clients and nodes.
extension Fault {
    static let clients = [
        Fault("clients-cut", "transports of reliable clients cut at random bytes for 3 s", isFast: false, suffering: []) {
            cluster in
            let before = Self.transports(cluster)
            for node in cluster.nodes { try await node.clients.set(.cut(within: 8192)) }
            try await Task.sleep(for: .seconds(3))
            for node in cluster.nodes { try await node.clients.set(.pass) }
            try Self.prove("no client came back", Self.transports(cluster) >= before + 2 * cluster.nodes.count)
        },
        Fault(
            "acks-lost",
            "ten times the transports of reliable clients cut after 100 ms without any answer",
            isFast: false,
            suffering: []
        ) {
            cluster in
            try await Self.cutTenTimes(cluster) { node in
                try await node.clients.set(.hold, [.toClient])
                try await Task.sleep(for: .milliseconds(100))
            }
        },
        Fault(
            "two-claims",
            "ten times all reliable clients cut, each of which comes back at two nodes at once",
            isFast: false,
            suffering: [],
            habits: .racing
        ) {
            cluster in
            try await Self.cutTenTimes(cluster) { _ in }
        },
        Fault(
            "owners-killed",
            "kill -9 of one node after the other, ten in all, while clients send five messages at a time",
            isFast: false,
            killed: FaultCluster.names,
            habits: .hasty
        ) { cluster in
            for number in 0..<10 {
                try await Task.sleep(for: .milliseconds(.random(in: 20...200)))
                try await cluster.nodes[number % cluster.nodes.count].restart()
            }
        },
        Fault("unacknowledged", "two clients that acknowledge nothing: 1,000 messages, and 16 MiB", isFast: false, suffering: [])
        { cluster in
            try await Hoarder.run(cluster, messages: 1100, bytes: 10, on: [true, false])
            try await Hoarder.run(cluster, messages: 40, bytes: 500_000, on: [true])
        },
    ]

    private static func transports(_ cluster: FaultCluster) -> Int {
        cluster.nodes.reduce(0) { $0 + $1.clients.counters.connections }
    }

    private static func cutTenTimes(
        _ cluster: FaultCluster,
        _ prepare: @escaping @Sendable (FaultNode) async throws -> Void
    ) async throws {
        for _ in 0..<10 {
            let before = Self.transports(cluster)
            try await withThrowingDiscardingTaskGroup { group in
                for node in cluster.nodes { group.addTask { try await prepare(node) } }
            }
            for node in cluster.nodes {
                try await node.clients.cut()
                try await node.clients.set(.pass)
            }
            let areBack = await eventually { Self.transports(cluster) >= before + 2 * cluster.nodes.count }
            try Self.prove("reliable clients did not come back", areBack)
            try await Task.sleep(for: .milliseconds(300))
        }
    }
}

/// A reliable client that gets much and acknowledges nothing, with its transport or without.
private enum Hoarder {
    /// - Throws: when it is not told, or has got something wrong before.
    static func run(_ cluster: FaultCluster, messages: Int, bytes: Int, on attached: [Bool]) async throws {
        for isAttached in attached {
            let recorder = ReliableRecorder()
            let client = ReliableClient(
                "hoarder",
                path: cluster.clientPaths[0],
                topics: [],
                recorder: recorder,
                acknowledges: false
            )
            guard let transport = await client.connect(port: cluster.nodes[0].port) else { throw FaultError("no hoarder") }
            if !isAttached { await transport.disconnect() }
            let text = String(repeating: "x", count: bytes)
            let target = "/api/connections/\(client.id)/send?hub=\(ReliableTraffic.hub)"
            async let end = isAttached ? Self.end(of: transport, client) : .cut
            try await withThrowingDiscardingTaskGroup { group in
                for caller in 0..<8 {
                    group.addTask {
                        for _ in stride(from: caller, to: messages, by: 8) {
                            let status = try await cluster.nodes[1].request("POST", target, body: #"{"message":"\#(text)"}"#)
                                .status
                            // As soon as there is too much.
                            guard status != 404 else { return }
                        }
                    }
                }
            }
            var isTold = await end == .told
            if !isAttached {
                guard let again = await client.connect(port: cluster.nodes[2].port) else {
                    throw FaultError("no answer to a hoarder")
                }
                isTold = await Self.end(of: again, client) == .told
            }
            try Fault.prove("a client that acknowledges nothing was not told", isTold)
            let defects = recorder.history.lives.flatMap(\.defects)
            try Fault.prove("\(defects)", defects.isEmpty)
        }
    }

    /// A busy node may be silent for a while.
    private static func end(of transport: WebSocketTestClient, _ client: ReliableClient) async -> ReliableClient.End {
        for _ in 0..<10 {
            let end = await client.listen(transport)
            if end != .silent { return end }
        }
        return .silent
    }
}
