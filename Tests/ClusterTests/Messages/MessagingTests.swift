import TestSupport
import Testing

extension RealProcesses {
    /// Messages of clients in a cluster.
    @Suite
    struct MessagingTests {
        @Test
        func `Messages of two senders reach the clients of all nodes once, in order, in the same order everywhere`() async throws
        {
            try await Cluster.run { cluster in
                let senders = [try await cluster.a.connect(), try await cluster.b.connect()]
                let listeners = [
                    try await cluster.a.connect(), try await cluster.b.connect(), try await cluster.c.connect(),
                    try await cluster.c.connect(),
                ]
                try await cluster.waitForConnections(6)
                let count = 400
                let texts = senders.indices.map { sender in (0..<count).map { "\(sender):\($0)" } }
                try await withThrowingTaskGroup { group in
                    for (sender, texts) in zip(senders, texts) {
                        group.addTask {
                            for start in stride(from: 0, to: count, by: 20) {
                                try await sender.send(Array(texts[start..<start + 20]))
                                // Echo by echo, so that the two take turns.
                                for text in texts[start..<start + 20] {
                                    try await sender.see { $0.type == "message" && $0.message == text }
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                // All that a topic carried before this is there before it.
                _ = try await cluster.c.broadcast("the end")

                var orders: [[String]] = []
                for listener in listeners {
                    let seen = try await listener.everything(until: "the end")
                    #expect(seen.allSatisfy { $0.type == "message" })
                    orders.append(seen.compactMap(\.message))
                }
                let first = try #require(orders.first)
                for (sender, texts) in texts.enumerated() {
                    #expect(first.filter { $0.hasPrefix("\(sender):") } == texts)
                }
                #expect(first.count == 2 * count)
                for order in orders { #expect(order == first) }
            }
        }

        @Test
        func `The echo goes to the sender only, the message to everyone, both with the sender's short id`() async throws {
            try await Cluster.run { cluster in
                let sender = try await cluster.a.connect()
                let others = [try await cluster.a.connect(), try await cluster.b.connect(), try await cluster.c.connect()]
                try await cluster.waitForConnections(4)
                try await sender.send("Hello!")
                let echo = try await sender.see()
                let message = try await sender.see()
                #expect(echo.type == "echo")
                #expect(echo.message == "Hello!")
                #expect(message == .plain(type: "message", from: echo.from, message: "Hello!"))
                let short = try #require(echo.from)
                let ids = try await cluster.b.inventory().filter { $0.node == "a" }.map(\.id)
                #expect(ids.filter { $0.hasPrefix(short) }.count == 1)

                _ = try await cluster.b.broadcast("the end")
                #expect(try await sender.everything(until: "the end").isEmpty)
                for other in others {
                    #expect(try await other.everything(until: "the end") == [message])
                }
            }
        }

        @Test
        func `Binary reaches everyone as it was, one copy each, the sender too`() async throws {
            try await Cluster.run { cluster in
                let sender = try await cluster.b.connect()
                let others = [try await cluster.a.connect(), try await cluster.b.connect(), try await cluster.c.connect()]
                try await cluster.waitForConnections(4)
                let payloads: [[UInt8]] = [[0, 255, 128, 10, 13], [], Array(repeating: 7, count: 70_000)]
                for payload in payloads { try await sender.send(payload) }
                for payload in payloads { #expect(try await sender.see() == .binary(payload)) }
                _ = try await cluster.a.broadcast("the end")
                #expect(try await sender.everything(until: "the end").isEmpty)
                for other in others {
                    #expect(try await other.everything(until: "the end") == payloads.map(Seen.binary))
                }
            }
        }

        @Test
        func `Text survives the way through the cluster unchanged`() async throws {
            let texts = [
                "\"quoted\" \\ and / and \u{8}\u{c}\n\r\t", "\u{0}\u{1}\u{1f}\u{7f}", "Grüße, 你好, مرحبا, 🦅👩\u{200d}👧",
                "\u{2028}\u{2029}\u{feff}", "{\"type\":\"system\",\"message\":\"not one\"}", " ", "",
            ]
            try await Cluster.run(nodes: 2) { cluster in
                let sender = try await cluster.a.connect()
                let other = try await cluster.b.connect()
                try await cluster.waitForConnections(2)
                for text in texts {
                    try await sender.send(text)
                    let echo = try await sender.see { $0.type == "echo" }
                    let message = try await other.see()
                    #expect(message.type == "message")
                    // Scalar by scalar: texts also compare equal when they are only canonically equivalent.
                    #expect(echo.message.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
                    #expect(message.message.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
                }
            }
        }

        @Test
        func `A client that comes or goes is announced on every node`() async throws {
            try await Cluster.run(options: []) { cluster in
                let watchers = [try await cluster.b.connect(), try await cluster.c.connect()]
                try await cluster.waitForConnections(2)
                let client = try await cluster.a.connect()
                try await cluster.waitForConnections(3)
                let id = try #require(try await cluster.a.inventory().first { $0.node == "a" }?.id)
                let short = id.prefix(8)
                for watcher in watchers + [client] {
                    try await watcher.see { $0 == .plain(type: "system", from: nil, message: "Client \(short) joined.") }
                }
                try await client.close()
                #expect(await client.closed() == 1000)
                for watcher in watchers {
                    try await watcher.see { $0 == .plain(type: "system", from: nil, message: "Client \(short) left.") }
                }
            }
        }

        @Test
        func `Many joins at once are summed up, and none is forgotten`() async throws {
            try await Cluster.run(nodes: 2, options: ["--announcements-per-second", "3"]) { cluster in
                let watcher = try await cluster.b.connect()
                try await watcher.see { $0.type == "system" }
                let clients = try await cluster.a.connect(40)
                var told = 0
                var sentences = 0
                while told < 40 {
                    let text = try #require(try await watcher.see { $0.type == "system" }.message)
                    sentences += 1
                    let words = text.split(separator: " ")
                    told += words.first == "Client" ? 1 : Int(words.first ?? "") ?? 0
                    #expect(text.hasSuffix(" joined."))
                }
                #expect(told == 40)
                #expect(sentences < 40)
                withExtendedLifetime(clients) {}
            }
        }
    }
}
