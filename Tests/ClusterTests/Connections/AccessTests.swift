import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

extension RealProcesses {
    /// Who may use a running node.
    @Suite
    struct AccessTests {
        private static let secrets = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]
        /// SHA-256 of "correct-horse-battery" and "staple-correct-horse".
        private static let keys = [
            ("correct-horse-battery", "62249369389075490555a758353aec61500c6218fa597252d52dc4bd0148f12d"),
            ("staple-correct-horse", "b5dbe4aa7345dd23bde009cf03f0b7348bb4154c259b6330a2ffc3f9acdc921b"),
        ]

        private static func connect(_ node: TestNode, _ token: String) async throws -> WebSocketTestClient {
            try await WebSocketTestClient.connect(
                port: node.process.port,
                options: .init(headers: ["Authorization": "Bearer \(token)"])
            )
        }

        @Test
        func `Where others reach it, a node without keys does not start, and says in one line what to set`() async throws {
            let refused = try await VolaryProcess.run(["--host", "0.0.0.0", "--port", "0"])
            #expect(refused.status == 78)
            #expect(refused.errors.dropLast().filter(\.isNewline).isEmpty)
            for word in ["0.0.0.0", "--api-key", "--jwt-key", "--anonymous-clients", "--insecure"] {
                #expect(refused.errors.contains(word), "\(refused.errors)")
            }
            let keyed = [["--insecure"], ["--api-key", Self.keys[0].0, "--anonymous-clients"]]
            for options in keyed {
                try await withSingleNode(options: Cluster.quiet + ["--host", "0.0.0.0"] + options) { node in
                    #expect(node.process.output.contains("Everyone who can reach this node") == (options == keyed[0]))
                }
            }
        }

        @Test
        func `volary token makes what a node takes, for clients and for REST; a key in the environment does for REST too`()
            async throws
        {
            let secret = try TemporaryFile(Self.secrets[0])
            let options = ["--jwt-key", secret.path, "--jwt-audience", "volary"]
            try await withSingleNode(options: Cluster.quiet + options) { node in
                let token = try await TestToken.mint(
                    secret,
                    ["--group", "a", "--group", "b", "--audience", "volary", "--permission", "read"]
                )
                let client = try await Self.connect(node, token)
                let answer = try await node.request("GET", "/api/connections", headers: ["authorization": "Bearer \(token)"])
                let list: ConnectionList = try answer.decode()
                _ = client
                #expect(list.connections.map(\.user) == ["alice"])
                #expect(list.connections.first?.groups == ["a", "b"])
                #expect(try await node.request("GET", "/api/connections").status == 401)
                let other = try await TestToken.mint(secret)
                await #expect(throws: (any Error).self) { _ = try await Self.connect(node, other) }
            }
            for wrong in [["--user", ""], ["--expires-in", "1"], ["--permission", "fly"], ["--jwt-key", "/nowhere"]] {
                let answer = try await VolaryProcess.run(["token", "--jwt-key", secret.path, "--user", "alice"] + wrong)
                #expect(answer.status == 78 && answer.output.isEmpty, "\(wrong)")
            }
            let process = try await VolaryProcess.start(Cluster.quiet, environment: ["VOLARY_API_KEY": Self.keys[0].0])
            let node = TestNode(name: "solo", process: process)
            #expect(try await node.request("GET", "/api/nodes").status == 401)
            let headers = ["authorization": "Bearer \(Self.keys[0].0)"]
            #expect(try await node.request("GET", "/api/nodes", headers: headers).status == 200)
            process.kill()
        }

        @Test
        func `Only a client whose token has the permission broadcast talks to everybody; joins and leaves are not told`()
            async throws
        {
            let secret = try TemporaryFile(Self.secrets[0])
            // Not `quiet`: by itself a node with keys tells nobody who joins.
            try await withSingleNode(options: ["--jwt-key", secret.path, "--api-key", Self.keys[0].0]) { node in
                let speaker = try await Self.connect(node, try await TestToken.mint(secret, ["--permission", "broadcast"]))
                let listener = try await Self.connect(node, try await TestToken.mint(secret, ["--permission", "send"]))
                let headers = ["authorization": "Bearer \(Self.keys[0].0)"]
                let areListed = try await eventually {
                    let answer = try await node.request("GET", "/api/connections", headers: headers)
                    return try answer.decode(ConnectionList.self).count == 2
                }
                #expect(areListed)
                try await listener.send("Buy!")
                let refusal = try await listener.see()
                #expect(refusal.type == "system" && refusal.message?.contains("permission broadcast") == true)
                try await listener.send([7])
                try await speaker.send("Hello!")
                try await speaker.send([1, 2])
                // Nothing else: neither what was refused, nor who has joined.
                #expect(try await listener.see().message == "Hello!")
                #expect(try await listener.see() == .binary([1, 2]))
                #expect(try await speaker.see().type == "echo")
                #expect(try await speaker.see().message == "Hello!")
                #expect(try await speaker.see() == .binary([1, 2]))
            }
        }

        @Test
        func `When its token ends, a live connection is closed with 3000`() async throws {
            let secret = try TemporaryFile(Self.secrets[0])
            try await withSingleNode(options: Cluster.quiet + ["--jwt-key", secret.path]) { node in
                let (short, long) = (try await TestToken.mint(secret, ["--expires-in", "1s"]), try await TestToken.mint(secret))
                let (first, second) = (try await Self.connect(node, short), try await Self.connect(node, long))
                #expect(await first.closed(within: .seconds(20)) == 3000)
                #expect(second.closeCode == nil && !second.isEnded)
            }
        }

        @Test
        func `SIGHUP changes keys of both kinds without a restart; a bad file changes nothing`() async throws {
            let (secret, keys) = (try TemporaryFile(Self.secrets[0]), try TemporaryFile("\(Self.keys[0].1) read\n"))
            let options = ["--jwt-key", secret.path, "--api-keys", keys.path]
            try await withSingleNode(options: Cluster.quiet + options) { node in
                func status(_ key: String) async throws -> Int {
                    try await node.request("GET", "/api/nodes", headers: ["authorization": "Bearer \(key)"]).status
                }
                let old = try await TestToken.mint(secret)
                let client = try await Self.connect(node, old)
                #expect(try await status(Self.keys[0].0) == 200)
                try secret.write("bad")
                try keys.write("bad")
                node.process.reload()
                let isSaid = await eventually {
                    node.process.output.components(separatedBy: "File not reloaded").count == 3
                }
                #expect(isSaid, "\(node.process.output)")
                #expect(try await status(Self.keys[0].0) == 200)
                _ = try await Self.connect(node, old)

                try secret.write(Self.secrets[1])
                try keys.write("\(Self.keys[1].1) read\n")
                node.process.reload()
                let isChanged = try await eventually { try await status(Self.keys[1].0) == 200 }
                #expect(isChanged, "\(node.process.output)")
                #expect(try await status(Self.keys[0].0) == 401)
                let isRead = await eventually { node.process.output.components(separatedBy: "File reloaded").count == 3 }
                #expect(isRead)
                let new = try await TestToken.mint(secret)
                _ = try await Self.connect(node, new)
                await #expect(throws: (any Error).self) { _ = try await Self.connect(node, old) }
                // Those who are in stay until their token ends.
                #expect(!client.isEnded)
            }
        }

        @Test
        func `While keys of the API change, in the order that operators change them, no request fails`() async throws {
            let keys = try TemporaryFile("\(Self.keys[0].1) read\n")
            try await withSingleNode(options: Cluster.quiet + ["--api-keys", keys.path]) { node in
                @Sendable func answer(_ key: String) async throws -> Int {
                    try await node.request("GET", "/api/nodes", headers: ["authorization": "Bearer \(key)"]).status
                }
                /// `key` is one that is answered otherwise from now on.
                func change(to lines: [String], _ key: String, isAnswered status: Int) async throws {
                    try keys.write(lines.map { "\($0) read\n" }.joined())
                    node.process.reload()
                    let isRead = try await eventually { try await answer(key) == status }
                    try #require(isRead, "\(node.process.output)")
                }
                let current = NIOLockedValueBox(Self.keys[0].0)
                /// The key of each caller's last answer.
                let used = NIOLockedValueBox([String](repeating: "", count: 4))
                let callers = (0..<4).map { caller in
                    Task {
                        var statuses: [Int: Int] = [:]
                        while !Task.isCancelled {
                            let key = current.withLockedValue { $0 }
                            statuses[try await answer(key), default: 0] += 1
                            used.withLockedValue { $0[caller] = key }
                        }
                        return statuses
                    }
                }
                defer { for caller in callers { caller.cancel() } }
                for round in 0..<6 {
                    let (old, new) = (Self.keys[round % 2], Self.keys[(round + 1) % 2])
                    try await change(to: [old.1, new.1], new.0, isAnswered: 200)
                    #expect(try await [answer(old.0), answer(new.0)] == [200, 200])
                    current.withLockedValue { $0 = new.0 }
                    let nobodyUsesTheOld = await eventually(within: .seconds(30)) {
                        used.withLockedValue { $0.allSatisfy { $0 == new.0 } }
                    }
                    try #require(nobodyUsesTheOld)
                    try await change(to: [new.1], old.0, isAnswered: 401)
                    #expect(try await [answer(old.0), answer(new.0)] == [401, 200])
                }
                for caller in callers { caller.cancel() }
                for caller in callers {
                    let statuses = try await caller.value
                    #expect(statuses.count == 1 && statuses[200, default: 0] > 5, "\(statuses)")
                }
            }
        }

        @Test(arguments: ["text", "json"])
        func `Nothing that clients send is in the log as they sent it, at its most talkative`(format: String) async throws {
            let secret = try TemporaryFile(Self.secrets[0])
            let marker = "sesame-\(UUID().uuidString)"
            let options = ["--jwt-key", secret.path, "--log-level", "trace", "--log-format", format, "--anonymous-clients"]
            try await withSingleNode(options: Cluster.quiet + options) { node in
                let token = try await TestToken.mint(secret, ["--permission", "read", "--expires-in", "2m"])
                let evil = "\(marker)\u{1B}[31m\u{7}"
                let port = node.process.port
                let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                for request in [
                    "GET /ws?access_token=\(marker) HTTP/1.1\r\nHost: h\r\n\(handshake)Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                    "GET /\(marker)?access_token=\(marker) HTTP/1.1\r\nHost: h\r\nUser-Agent: \(marker)\r\nConnection: close\r\n",
                    "GET /%0a%1b\(marker) HTTP/1.1\r\nHost: \(marker)\r\nAuthorization: Bearer \(marker)\r\nConnection: close\r\n",
                    "GET /\(evil) HTTP/1.1\r\nHost: h\r\n", "\(evil)\r\n", "\(evil) / HTTP/1.1\r\nHost: h\r\n",
                    "POST /api/connections/broadcast HTTP/1.1\r\nHost: h\r\nX: \(evil)\r\nContent-Length: 3\r\n",
                    "POST /api/connections/broadcast HTTP/1.1\r\nHost: h\r\nIdempotency-Key: \(marker)\r\nContent-Length: 999\r\n",
                    "GET /ws HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: \(marker)\r\nOrigin: http://\(marker)\r\n\(handshake)",
                ] {
                    let client = try await RawTestClient.connect(port: port)
                    try await client.send("\(request)\r\n\(marker)")
                    _ = await eventually(within: .seconds(2)) { client.isEnded || client.received.contains("HTTP/1.1 ") }
                }
                let query = try await WebSocketTestClient.connect(port: port, path: "/ws?access_token=\(token)&x=\(marker)")
                for text in [evil, "\(marker)\n\(marker)"] { try await query.send(text) }
                _ = try await query.next()
                try await query.send(.text, Array("\(marker)\u{FF}".utf8), masked: false)
                _ = await query.closed()
                let list = try await node.request("GET", "/api/connections", headers: ["authorization": "Bearer \(token)"])
                #expect(list.status == 200 && !list.body.contains("127.0.0.1"))
                let metrics = try await node.request("GET", "/metrics", headers: ["authorization": "Bearer \(token)"])
                #expect(metrics.status == 200 && !metrics.body.contains(marker))

                let log = node.process.output
                #expect(log.count > 200)
                #expect(!log.contains(marker) && !log.contains(token), "\(log)")
                let isPrintable = log.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
                #expect(isPrintable)
                // The node says where it listens; nothing says where clients are.
                let addresses = log.split(separator: "\n").filter { $0.contains("127.0.0.1") && !$0.contains("listening on") }
                #expect(addresses.isEmpty, "\(addresses)")
            }
        }
    }
}
