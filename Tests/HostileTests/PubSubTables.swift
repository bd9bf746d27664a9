import Foundation
import TestSupport
import Testing

extension HostileTables {
    /// Clients of Web PubSub that flood, read nothing, or go on while Redis hangs; the node's options are the default ones,
    /// besides HTTP/2 without TLS.
    @Suite
    struct PubSubTables {
        private static let key = "an-access-key-0123456789-0123456789-0123456789"

        /// The request line and the fields of a handshake, made by the program.
        private static func handshake(_ node: HostileNode, _ keys: TemporaryFile, roles: [String]) async throws -> String {
            let endpoint = "http://127.0.0.1:\(node.process.port)"
            let (status, output, errors) = try await VolaryProcess.run(
                ["token", "--hub", "h", "--access-keys", keys.path, "--endpoint", endpoint] + roles.flatMap { ["--role", $0] }
            )
            try #require(status == 0, "\(errors)")
            let url = output.trimmingCharacters(in: .newlines)
            let target = url.dropFirst("ws://127.0.0.1:\(node.process.port)".count)
            return HandshakeRequest.text(
                String(target),
                "Sec-WebSocket-Protocol: json.webpubsub.azure.v1\r\n",
                host: "127.0.0.1:\(node.process.port)"
            )
        }

        private static func connect(_ node: HostileNode, _ handshake: String, _ carrier: Carrier) async throws -> RawTestClient {
            let client = try await carrier.connect(port: node.process.port)
            try await client.send(handshake)
            #expect(await eventually { client.received.contains(#""event":"connected""#) })
            return client
        }

        private static func texts(_ count: Int, _ text: (Int) -> String) -> [UInt8] {
            (0..<count).flatMap { ClientFrame.text(text($0)) }
        }

        private static let members = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]

        /// What a client sends at once.
        private static let floods: [(name: String, roles: [String], bytes: [UInt8])] = [
            ("pings of the protocol", [], Self.texts(5000) { _ in #"{"type":"ping"}"# }),
            ("pings", [], (0..<20_000).flatMap { _ in ClientFrame.ping() }),
            ("messages without a role", [], Self.texts(5000) { #"{"type":"sendToGroup","group":"g","data":1,"ackId":\#($0)}"# }),
            ("joins without a role", [], Self.texts(5000) { #"{"type":"joinGroup","group":"g\#($0)","ackId":\#($0)}"# }),
            (
                "fragments", [],
                ClientFrame.text("", isFinal: false) + (0..<15_000).flatMap { _ in ClientFrame.continuation("", isFinal: false) }
            ),
            (
                "joins and leaves", Self.members,
                Self.texts(4000) { #"{"type":"\#($0 % 2 == 0 ? "join" : "leave")Group","group":"g\#($0 / 2 % 500)"}"# }
            ),
            ("joins above the limit", Self.members, Self.texts(4000) { #"{"type":"joinGroup","group":"g\#($0)"}"# }),
            ("messages to nobody", Self.members, Self.texts(4000) { #"{"type":"sendToGroup","group":"n\#($0)","data":1}"# }),
            ("a message of lists in lists", Self.members, ClientFrame.text(String(repeating: "[", count: 500_000))),
            (
                "a message with 60,000 names", Self.members,
                ClientFrame.text(#"{"type":"ping""# + (0..<60_000).map { #","n\#($0)":1"# }.joined() + "}")
            ),
            (
                "events without a handler", Self.members,
                Self.texts(4000) { #"{"type":"event","event":"e","data":1,"ackId":\#($0)}"# }
            ),
        ]

        private static func options(_ keys: TemporaryFile, _ redis: RedisServer) -> [String] {
            ["--redis", redis.url, "--access-keys", keys.path, "--anonymous-clients"] + Carrier.options
        }

        @Test(arguments: Carrier.allCases)
        func `Floods of eight clients delay nobody for seconds, and cost no memory`(_ carrier: Carrier) async throws {
            let (keys, redis) = (try TemporaryFile(Self.key), try RedisServer.start())
            defer { redis.stop() }
            try await HostileNode.run(Self.options(keys, redis), growth: 48 << 20) { node in
                for (name, roles, bytes) in Self.floods {
                    let handshake = try await Self.handshake(node, keys, roles: roles)
                    var clients: [RawTestClient] = []
                    for _ in 0..<8 { clients.append(try await Self.connect(node, handshake, carrier)) }
                    await withTaskGroup(of: Void.self) { tasks in
                        for client in clients { tasks.addTask { try? await client.send(bytes: bytes) } }
                    }
                    try await node.expectOtherClientsUnaffected("\(name)")
                    #expect(await node.status(of: "/readyz") == 200, "\(name)")
                    for client in clients { try? await client.endOutput() }
                }
            }
        }

        @Test(arguments: Carrier.allCases)
        func `Members that read nothing are closed, and cost what --max-unsent says`(_ carrier: Carrier) async throws {
            let (keys, redis) = (try TemporaryFile(Self.key), try RedisServer.start())
            defer { redis.stop() }
            try await HostileNode.run(Self.options(keys, redis), growth: 48 << 20) { node in
                let handshake = try await Self.handshake(node, keys, roles: Self.members)
                let sender = try await Self.connect(node, handshake, carrier)
                var members: [RawTestClient] = []
                for _ in 0..<20 {
                    let member = try await Self.connect(node, handshake, carrier)
                    try await member.send(bytes: ClientFrame.text(#"{"type":"joinGroup","group":"g","ackId":1}"#))
                    #expect(await eventually { member.received.contains(#""success":true"#) })
                    try await member.stopReading()
                    members.append(member)
                }
                let text = String(repeating: "x", count: 60_000)
                for number in 0..<300 {
                    try await sender.send(
                        bytes: ClientFrame.text(#"{"type":"sendToGroup","group":"g","data":"\#(text)","ackId":\#(number)}"#)
                    )
                    #expect(await eventually { sender.received.contains(#""ackId":\#(number),"success":true"#) })
                }
                try await node.expectOtherClientsUnaffected()
                for member in members {
                    try await member.resumeReading()
                    #expect(await eventually { member.isEnded })
                }
                try? await sender.endOutput()
            }
        }

        @Test(arguments: Carrier.allCases)
        func `While Redis hangs, clients that join and send wait without costing memory, and /readyz answers`(
            _ carrier: Carrier
        ) async throws {
            let (keys, redis) = (try TemporaryFile(Self.key), try RedisServer.start())
            defer { redis.stop() }
            try await HostileNode.run(Self.options(keys, redis), allowsLossNotices: true, growth: 64 << 20) { node in
                let handshake = try await Self.handshake(node, keys, roles: Self.members)
                var clients: [RawTestClient] = []
                for _ in 0..<10 { clients.append(try await Self.connect(node, handshake, carrier)) }
                let text = String(repeating: "y", count: 10_000)
                redis.freeze()
                for (number, client) in clients.enumerated() {
                    let bytes = Self.texts(500) {
                        number % 2 == 0
                            ? #"{"type":"joinGroup","group":"z\#($0)","ackId":\#($0)}"#
                            : #"{"type":"sendToGroup","group":"z\#($0)","data":"\#(text)","ackId":\#($0)}"#
                    }
                    // The node stops reading from it.
                    _ = await client.sends(bytes, within: .milliseconds(500))
                }
                #expect(await eventually(within: .seconds(20)) { await node.status(of: "/readyz") == 503 })
                let idle = try await Self.connect(node, handshake, carrier)
                try await idle.send(bytes: ClientFrame.text(#"{"type":"ping"}"#))
                #expect(await eventually { idle.received.contains(#"{"type":"pong"}"#) })
                try await node.expectOtherClientsUnaffected()
                redis.thaw()
                #expect(await eventually(within: .seconds(20)) { await node.status(of: "/readyz") == 200 })
                try await idle.send(bytes: ClientFrame.text(#"{"type":"joinGroup","group":"after","ackId":1}"#))
                #expect(await eventually { idle.received.contains(#"{"type":"ack","ackId":1,"success":true}"#) })
                for client in clients + [idle] { try? await client.endOutput() }
            }
        }
    }
}
