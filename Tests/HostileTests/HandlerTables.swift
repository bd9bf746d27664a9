import TestSupport
import Testing

extension HostileTables {
    /// Event handlers whose answers are too long, too slow, or not HTTP. Half of their clients are on streams of HTTP/2.
    @Suite
    struct HandlerTables {
        private static let large = String(repeating: "x", count: 16 << 20)

        /// Of 64 bytes each.
        private static let chunks = Self.repeated("40\r\n\(String(repeating: "x", count: 64))\r\n")
        private static let informational = String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 4000)

        private static func repeated(_ text: String) -> String { String(repeating: text, count: (16 << 20) / text.utf8.count) }

        private static func text(_ fields: [(String, String)], _ body: String) -> HandlerServer.Answer {
            HandlerServer.Answer(200, [("Content-Type", "text/plain")] + fields, body)
        }

        private static func raw(_ bytes: String) -> HandlerServer.Answer { HandlerServer.Answer(200, [], "", .raw(bytes)) }

        /// Answers with which an event fails. The name is that of a hub.
        private static let answers: [(name: String, answer: HandlerServer.Answer)] = [
            ("length", Self.text([], Self.large)),
            ("refusal", .init(400, [], Self.large)),
            ("redirect", .init(302, [("Location", "/")], Self.large)),
            ("until_the_end", Self.raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + Self.large)),
            ("chunk", Self.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000\r\n\(Self.large)\r\n0\r\n\r\n")),
            ("chunks", Self.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + Self.chunks)),
            ("trailer", Self.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + Self.repeated("X: y\r\n"))),
            ("status", Self.raw("HTTP/1.1 200 " + Self.large)),
            ("field", Self.raw("HTTP/1.1 200 OK\r\nX: " + Self.large)),
            ("fields", Self.raw("HTTP/1.1 200 OK\r\n" + Self.repeated("X: y\r\n"))),
            ("informational", Self.raw(Self.informational)),
            ("claim", Self.raw("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nx")),
            ("state", Self.text([("ce-connectionState", String(repeating: "s", count: 9000))], "x")),
            ("metadata", Self.text([("X-WebPubSub-Metadata-a", String(repeating: "v", count: 9000))], "x")),
            ("not_text", .init(200, [("Content-Type", "text/plain")], bytes: [UInt8](repeating: 0xC3, count: 1 << 20))),
            ("lists", .init(200, [("Content-Type", "application/json")], String(repeating: "[", count: 1 << 20))),
        ]

        /// Clients of each hub and carrier.
        private static let clients = 4
        /// With all answers in memory the node would need 2 GiB.
        private static let peak = 256 << 20

        /// - Parameters:
        ///   - answers: to events, by hub.
        ///   - permissions: answers to questions for permission to a hub, where it is not simply given.
        ///   - members: of the hubs' settings, each with its comma.
        private static func run(
            _ answers: [String: HandlerServer.Answer],
            permissions: [String: HandlerServer.Answer] = [:],
            members: [String: String] = [:],
            _ table: (HostileNode, HandlerServer) async throws -> Void
        ) async throws {
            let server = try await HandlerServer.start { request in
                let hub = request.target.split(separator: "/").first.map(String.init) ?? ""
                return (request.method == "POST" ? answers[hub] : permissions[hub] ?? .permission) ?? .init()
            }
            let hubs = answers.keys.map { name in
                let handlers = #""handlers":[{"url":"\#(server.url)","user-events":"*"}]"#
                return #""\#(name)":{"anonymous-clients":true,\#(members[name] ?? "")\#(handlers)}"#
            }
            let keys = try TemporaryFile(TokenForge.secret)
            let file = try TemporaryFile(#"{"hubs":{\#(hubs.joined(separator: ","))}}"#)
            let options = ["--access-keys", keys.path, "--hubs", file.path, "--anonymous-clients"] + Carrier.options
            try await HostileNode.run(options, growth: 128 << 20) { node in
                try await table(node, server)
                await server.cut()
            }
        }

        private static func connect(_ node: HostileNode, _ hub: String, _ carrier: Carrier) async throws -> RawTestClient {
            let client = try await carrier.connect(port: node.process.port)
            let fields = "Sec-WebSocket-Protocol: json.webpubsub.azure.v1\r\n"
            try await client.send(HandshakeRequest.text("/client/hubs/\(hub)", fields))
            #expect(await eventually { client.received.contains(#""event":"connected""#) }, "\(hub), \(carrier)")
            return client
        }

        private static func event(_ number: Int) -> [UInt8] {
            ClientFrame.text(#"{"type":"event","event":"e","dataType":"text","data":"x","ackId":\#(number)}"#)
        }

        private static func ack(_ number: Int) -> String { #"{"type":"ack","ackId":\#(number),"success":false"# }

        @Test func `Answers that are too long or not HTTP fail their own events only, and take no memory`() async throws {
            try await Self.run(Dictionary(uniqueKeysWithValues: Self.answers.map { ($0.name, $0.answer) })) { node, _ in
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for (hub, _) in Self.answers {
                        for carrier in Carrier.allCases {
                            for _ in 0..<Self.clients {
                                tasks.addTask {
                                    let client = try await Self.connect(node, hub, carrier)
                                    try await client.send(bytes: Self.event(1) + ClientFrame.text(#"{"type":"ping"}"#))
                                    #expect(
                                        await eventually(within: .seconds(60)) { client.received.contains(Self.ack(1)) },
                                        "\(hub), \(carrier)"
                                    )
                                    // Its later messages wait for the event.
                                    #expect(await eventually { client.received.contains(#"{"type":"pong"}"#) })
                                    try await client.send(bytes: ClientFrame.close(1000))
                                    #expect(await eventually { client.isEnded })
                                }
                            }
                        }
                    }
                    tasks.addTask {
                        for _ in 0..<10 {
                            try await node.expectOtherClientsUnaffected()
                            #expect(await node.status(of: "/readyz") == 200)
                            try await Task.sleep(for: .milliseconds(200))
                        }
                    }
                    try await tasks.waitForAll()
                }
                if let peak = node.process.peakResidentBytes { #expect(peak < Self.peak, "\(peak) bytes") }
            }
        }

        @Test func `Answers of one byte a second hold up the clients of their own hub only, which may leave`() async throws {
            let slow = HandlerServer.Answer(200, [], String(repeating: "x", count: 1000), .slowly)
            let answers = ["slow": slow, "good": .init(200, [], "answer")]
            try await Self.run(answers, members: ["slow": #""max-requests":16,"#]) { node, server in
                var waiting: [RawTestClient] = []
                for number in 0..<40 {
                    let client = try await Self.connect(node, "slow", Carrier.allCases[number % 2])
                    try await client.send(bytes: Self.event(1))
                    waiting.append(client)
                }
                #expect(await eventually { server.events.count { $0.target.hasPrefix("/slow/") } == 16 })
                for carrier in Carrier.allCases {
                    let good = try await Self.connect(node, "good", carrier)
                    try await good.send(bytes: Self.event(1))
                    #expect(await eventually { good.received.contains(#""ackId":1,"success":true"#) }, "\(carrier)")
                    try await good.send(bytes: ClientFrame.close(1000))
                    #expect(await eventually { good.isEnded })
                }
                try await node.expectOtherClientsUnaffected()
                #expect(await node.status(of: "/readyz") == 200)
                #expect(waiting.allSatisfy { !$0.isEnded && !$0.received.contains(#""ackId""#) })
                for client in waiting { try await client.send(bytes: ClientFrame.close(1000)) }
                #expect(await eventually { waiting.allSatisfy(\.isEnded) })
            }
        }

        @Test func `Answers of 1 MiB to clients that read nothing take what --max-unsent says`() async throws {
            let answer = Self.text([], String(repeating: "x", count: 1 << 20))
            try await Self.run(["good": answer]) { node, _ in
                var clients: [RawTestClient] = []
                for number in 0..<20 {
                    let client = try await Self.connect(node, "good", Carrier.allCases[number % 2])
                    try await client.stopReading()
                    _ = await client.sends((1...30).flatMap(Self.event), within: .seconds(1))
                    clients.append(client)
                }
                try await node.expectOtherClientsUnaffected()
                #expect(await node.status(of: "/readyz") == 200)
                for client in clients {
                    try await client.resumeReading()
                    #expect(await eventually(within: .seconds(20)) { client.isEnded || client.bytes.count > 30 << 20 })
                    _ = await client.sends(ClientFrame.close(1000), within: .seconds(1))
                    #expect(await eventually { client.isEnded })
                }
                if let peak = node.process.peakResidentBytes { #expect(peak < Self.peak, "\(peak) bytes") }
            }
        }

        private static let permissions: [(name: String, answer: HandlerServer.Answer, isGiven: Bool)] = [
            ("length", .init(200, [("WebHook-Allowed-Origin", "*")], Self.large), true),
            ("slow", .init(200, [("WebHook-Allowed-Origin", "*")], String(repeating: "x", count: 1000), .slowly), true),
            ("refusal", .init(400, [("WebHook-Allowed-Origin", "*")], Self.large), false),
            ("field", Self.raw("HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: \(Self.large)"), false),
            ("informational", Self.raw(Self.informational), false),
        ]

        @Test func `Long and slow answers to the question for permission cost nothing`() async throws {
            let permissions = Dictionary(uniqueKeysWithValues: Self.permissions.map { ($0.name, $0.answer) })
            try await Self.run(permissions.mapValues { _ in .init() }, permissions: permissions) { node, _ in
                for (hub, _, isGiven) in Self.permissions {
                    for carrier in Carrier.allCases {
                        let client = try await Self.connect(node, hub, carrier)
                        try await client.send(bytes: Self.event(1))
                        let answer = #""ackId":1,"success":\#(isGiven)"#
                        #expect(await eventually { client.received.contains(answer) }, "\(hub), \(carrier)")
                        try await client.send(bytes: ClientFrame.close(1000))
                        #expect(await eventually { client.isEnded })
                    }
                }
                if let peak = node.process.peakResidentBytes { #expect(peak < Self.peak, "\(peak) bytes") }
            }
        }
    }
}
