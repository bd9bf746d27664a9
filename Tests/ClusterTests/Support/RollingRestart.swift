import NIOConcurrencyHelpers
import TestSupport
import Testing

/// Drains and restarts each node of a cluster, while clients and callers continue.
struct RollingRestart {
    let cluster: Cluster
    let balancer: ProxyServer
    let options: [String]

    /// Whether clients and callers continue.
    final class Traffic: Sendable {
        private let over = NIOLockedValueBox(false)

        var isOver: Bool { self.over.withLockedValue { $0 } }

        func end() { self.over.withLockedValue { $0 = true } }
    }

    /// Connects clients through the balancer, the same number for each identity, some at a time.
    static func join(_ count: Int, as identities: [RestartClient.Identity], port: Int) async throws -> [RestartClient] {
        let members = (0..<count).map { RestartClient(identities[$0 % identities.count]) }
        for start in stride(from: 0, to: count, by: 25) {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for member in members[start..<min(start + 25, count)] { tasks.addTask { try await member.connect(port: port) } }
                try await tasks.waitForAll()
            }
        }
        return members
    }

    /// Each client sends a message four times a second.
    static func talk(_ members: ArraySlice<RestartClient>, while isRunning: () -> Bool) async {
        var number = 0
        while isRunning() {
            for member in members { await member.say("said \(number) by \(member.number)") }
            number += 1
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    /// Stops the first node by request, the others by SIGTERM.
    func all() async throws {
        for (index, node) in self.cluster.nodes.enumerated() { try await self.restart(node, byRequest: index == 0) }
    }

    private func restart(_ node: TestNode, byRequest: Bool) async throws {
        self.cluster.forget(node)
        if byRequest {
            let list: NodeList = try await node.get("/api/nodes")
            let id = try #require(list.nodes.first { $0.name == node.name }).id
            let answer = try await HTTPTestClient(port: self.balancer.port).request(
                "POST",
                "/api/nodes/\(id)/drain",
                headers: self.cluster.headers
            )
            try #require(answer.status == 202, "\(answer.body)")
        } else {
            node.process.beginTermination()
        }
        let status = await node.process.exit(within: .seconds(30))
        try #require(
            status == 0,
            "node \(node.name) ended with \(String(describing: status)):\n\(node.process.output.suffix(2000))"
        )
        try await self.cluster.start(node.name, options: self.options, port: node.process.port)
        // The balancer sends each request to the node with the fewest connections, which is this one as soon as the balancer
        // considers it up.
        let http = HTTPTestClient(port: self.balancer.port)
        let isBack = try await eventually(within: .seconds(20)) {
            let list: NodeList = try await http.request("GET", "/api/nodes", headers: self.cluster.headers).decode()
            return list.answeredBy == node.name
        }
        try #require(isBack, "the balancer does not use node \(node.name) again:\n\(self.balancer.output)")
    }
}
