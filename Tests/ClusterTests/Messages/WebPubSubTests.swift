import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// Clients of Web PubSub on real nodes with Redis.
    @Suite
    struct WebPubSubTests {
        private static let keys = ["primary-0123456789-0123456789-0123456789", "secondary-0123456789-0123456789-0123456789"]
        private static let roles = ["--role", "webpubsub.joinLeaveGroup", "--role", "webpubsub.sendToGroup"]

        /// A client with a URL that the program made.
        private static func connect(
            _ node: TestNode,
            _ keys: TemporaryFile,
            hub: String = "chat"
        ) async throws -> WebSocketTestClient {
            let endpoint = "http://127.0.0.1:\(node.process.port)"
            let (status, output, errors) = try await VolaryProcess.run(
                ["token", "--hub", hub, "--user", "ann", "--access-keys", keys.path, "--endpoint", endpoint] + self.roles
            )
            try #require(status == 0, "\(errors)")
            let url = output.trimmingCharacters(in: .newlines)
            let prefix = "ws://127.0.0.1:\(node.process.port)"
            try #require(url.hasPrefix("\(prefix)/client/hubs/\(hub)?access_token="))
            let client = try await WebSocketTestClient.connect(
                port: node.process.port,
                path: String(url.dropFirst(prefix.count)),
                options: .init(subprotocols: ["json.webpubsub.azure.v1"])
            )
            guard case .text(let text) = try await client.next() else { throw WebSocketTestClient.Failure.ended }
            #expect(text.hasPrefix(#"{"type":"system","event":"connected","userId":"ann","connectionId":""#))
            return client
        }

        private static func withCluster(_ body: (Cluster, TemporaryFile) async throws -> Void) async throws {
            let keys = try TemporaryFile(self.keys.joined(separator: "\n"))
            let apiKey = "an-api-key-for-tests"
            let options = Cluster.quiet + ["--access-keys", keys.path, "--api-key", apiKey]
            try await Cluster.run(options: options, headers: ["authorization": "Bearer \(apiKey)"]) { try await body($0, keys) }
        }

        @Test
        func `Members of a group on three nodes get 1,000 messages of one sender in order, members in another hub none`()
            async throws
        {
            try await Self.withCluster { cluster, keys in
                var members: [WebSocketTestClient] = []
                for node in cluster.nodes { members.append(try await Self.connect(node, keys)) }
                let other = try await Self.connect(cluster.b, keys, hub: "other")
                for client in members + [other] {
                    try await client.send(#"{"type":"joinGroup","group":"a/ä*","ackId":1}"#)
                    #expect(try await client.next() == .text(#"{"type":"ack","ackId":1,"success":true}"#))
                }
                try await members[0].send(
                    (0..<1000).map { #"{"type":"sendToGroup","group":"a/ä*","data":\#($0),"noEcho":true,"ackId":\#($0 + 2)}"# }
                )
                let from = #"{"type":"message","from":"group","group":"a/ä*","fromUserId":"ann","dataType":"json","data":"#
                for number in 0..<1000 {
                    #expect(try await members[0].next() == .text(#"{"type":"ack","ackId":\#(number + 2),"success":true}"#))
                    for client in members[1...] { #expect(try await client.next() == .text("\(from)\(number)}")) }
                }
                try await other.send(#"{"type":"ping"}"#)
                #expect(try await other.next() == .text(#"{"type":"pong"}"#))
            }
        }

        @Test
        func `SIGHUP takes a key away; who is connected stays`() async throws {
            try await Self.withCluster { cluster, keys in
                let client = try await Self.connect(cluster.a, keys)
                let second = try TemporaryFile(Self.keys[1])
                _ = try await Self.connect(cluster.a, second)
                try keys.write(Self.keys[1])
                cluster.a.process.reload()
                let isRead = await eventually { cluster.a.process.output.contains("File reloaded") }
                #expect(isRead)
                let first = try TemporaryFile(Self.keys[0])
                await #expect(throws: (any Error).self) { _ = try await Self.connect(cluster.a, first) }
                _ = try await Self.connect(cluster.a, keys)
                try await client.send(#"{"type":"ping"}"#)
                #expect(try await client.next() == .text(#"{"type":"pong"}"#))
            }
        }

        @Test
        func `volary connection-string prints what the libraries take, and refuses what they would not`() async throws {
            let keys = try TemporaryFile(Self.keys[0])
            let printed = try await VolaryProcess.run(["connection-string", "--access-keys", keys.path])
            #expect(printed.status == 0)
            #expect(printed.output == "Endpoint=http://localhost:8080;AccessKey=\(Self.keys[0]);Version=1.0;\n")
            let environment = ["VOLARY_ACCESS_KEY": Self.keys[1]]
            let other = try await VolaryProcess.run(
                ["connection-string", "--endpoint", "https://push.example"],
                environment: environment
            )
            #expect(other.output == "Endpoint=https://push.example;AccessKey=\(Self.keys[1]);Version=1.0;\n")
            for (arguments, status) in [([], 64), (["--access-keys", "/nowhere"], 78), (["--access-keys", "/dev/null"], 78)] {
                #expect(try await VolaryProcess.run(["connection-string"] + arguments).status == Int32(status))
            }
        }
    }
}
