import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// What an operator sees of refusals and changes.
    @Suite
    struct VisibilityTests {
        /// Of the log of a node, the lines with this message, each with its metadata.
        private static func lines(_ message: String, of node: TestNode) -> [Substring] {
            node.process.output.split(separator: "\n").filter { $0.hasSuffix("] \(message)") }
        }

        private static let handshake = [
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        ]

        private static func refuse(_ node: TestNode, _ headers: [String: String], path: String = "/ws") async throws -> Int {
            try await node.request("GET", path, headers: Self.handshake.merging(headers) { $1 }).status
        }

        @Test
        func `A refused handshake is a line with its reason and a counter, at the usual log level`() async throws {
            try await withSingleNode { node in
                #expect(try await Self.refuse(node, ["Origin": "https://evil.example"]) == 403)
                #expect(try await Self.refuse(node, [:], path: "/nowhere?access_token=hunter2") == 404)
                // A thread of its own writes the log.
                try #require(await eventually { Self.lines("Handshake refused", of: node).count >= 2 })
                let lines = Self.lines("Handshake refused", of: node)
                #expect(lines.count == 2)
                #expect(lines[0].contains("volary.origin=https://evil.example volary.reason=origin-not-allowed"))
                #expect(lines[1].contains("volary.reason=unknown-path"))
                for reason in ["origin-not-allowed", "unknown-path"] {
                    #expect(try await node.metric("volary_handshakes_refused_total{reason=\"\(reason)\"}") == 1)
                }
                #expect(!node.process.output.contains("hunter2"))
            }
        }

        @Test
        func `A flood of refused handshakes is counted whole, and is some lines a second that say how many are left out`()
            async throws
        {
            try await withSingleNode { node in
                var statuses = Set<Int>()
                for _ in 0..<50 { statuses.insert(try await Self.refuse(node, [:], path: "/nowhere")) }
                #expect(statuses == [404])
                #expect(try await node.metric("volary_handshakes_refused_total{reason=\"unknown-path\"}") == 50)
                let isSaid = try await eventually(within: .seconds(10)) {
                    _ = try await Self.refuse(node, [:], path: "/nowhere")
                    return Self.lines("Handshake refused", of: node).contains { $0.contains("volary.suppressed=") }
                }
                #expect(isSaid)
            }
        }

        @Test
        func `Every end of a connection is counted once, by its code and by the side that ended it`() async throws {
            try await withSingleNode { node in
                func series() async throws -> [String: Int] {
                    let lines = try await node.request("GET", "/metrics").body.split(separator: "\n")
                    return lines.reduce(into: [:]) { series, line in
                        guard
                            let match = line.wholeMatch(of: /volary_websocket_closes_total\{code="(.*)",side="(.*)"\} ([1-9]\d*)/)
                        else { return }
                        series["\(match.1) \(match.2)"] = Int(match.3)
                    }
                }
                #expect(try await series().isEmpty)
                for code: UInt16 in [1000, 1001, 4321] { try await node.connect().close(code: code) }
                try await node.connect("/echo").send(.close, [])
                await (try node.connect()).disconnect()
                for path in ["/ws", "/echo"] { try await node.connect(path).send(.text, [0x78], masked: false) }
                let expected = [
                    "1000 client": 1, "1001 client": 1, "other client": 1, "1005 client": 1, "1006 client": 1, "1002 server": 2,
                ]
                #expect(try await eventually { try await series() == expected })

                let clients = try await node.connect(2)
                #expect(try await eventually { try await node.count() == 2 })
                for (item, query) in zip(try await node.inventory(), ["", "?code=4000"]) {
                    #expect(try await node.request("DELETE", "/api/connections/\(item.id)\(query)").status == 204)
                }
                let closed = expected.merging(["1000 server": 1, "other server": 1]) { $1 }
                #expect(try await eventually { try await series() == closed })
                withExtendedLifetime(clients) {}
            }
        }

        @Test
        func
            `Who closed a connection or sent a node away stands in the log by the beginning of the key's hash, and never the key`()
            async throws
        {
            let key = "correct-horse-battery"
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--anonymous-clients"],
                environment: ["VOLARY_API_KEY": key]
            )
            let node = TestNode(name: "solo", process: process)
            let headers = ["authorization": "Bearer \(key)"]
            let client = try await node.connect()
            var list: ConnectionList?
            _ = try await eventually {
                list = try await node.request("GET", "/api/connections", headers: headers).decode()
                return list?.connections.isEmpty == false
            }
            let id = try #require(list?.connections.first?.id)
            #expect(try await node.request("DELETE", "/api/connections/\(id)", headers: headers).status == 204)
            #expect(await client.closed() == 1000)
            #expect(
                try await node.request("DELETE", "/api/connections/\(id)", headers: ["authorization": "Bearer no"]).status == 401
            )
            let metrics = try await node.request("GET", "/metrics", headers: headers).body
            for series in [
                #"volary_rest_changes_total{change="close",credential="key"} 1"#,
                #"volary_http_requests_total{method="DELETE",route="/api/connections/{id}",status="204"} 1"#,
                #"volary_http_requests_total{method="DELETE",route="/api/connections/{id}",status="401"} 1"#,
            ] {
                #expect(metrics.contains("\n\(series)\n"))
            }
            let nodes: NodeList = try await node.request("GET", "/api/nodes", headers: headers).decode()
            let own = try #require(nodes.nodes.first?.id)
            #expect(try await node.request("POST", "/api/nodes/\(own)/drain", headers: headers).status == 202)
            #expect(await process.exit(within: .seconds(15)) == 0)
            let lines = Self.lines("Change by REST", of: node)
            #expect(lines.count == 2)
            #expect(lines.first?.contains("volary.caller=key 62249369 volary.change=close") == true)
            #expect(lines.first?.contains("volary.target=\(id)") == true)
            #expect(lines.last?.contains("volary.caller=key 62249369 volary.change=drain") == true)
            let refused = Self.lines("Request answered", of: node)
            #expect(
                refused.count == 1
                    && refused.first?.contains("volary.route=DELETE /api/connections/{id} volary.status=401") == true
            )
            #expect(!process.output.contains(key))
        }
    }
}
