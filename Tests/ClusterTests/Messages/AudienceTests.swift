import TestSupport
import Testing

extension RealProcesses {
    /// Groups and users in a cluster.
    @Suite
    struct AudienceTests {
        private static let options = Cluster.quiet + ["--insecure-user-query"]
        private static let patient = "?timeout=10s"

        /// A client whose id the test knows: the only one of its user.
        private struct Member {
            let client: WebSocketTestClient
            let id: String
        }

        private func member(_ user: String, on node: TestNode) async throws -> Member {
            let client = try await node.connect("/ws?user=\(user)")
            var id: String?
            let isListed = try await eventually {
                let page: ConnectionList = try await node.get("/api/connections?user=\(user)")
                id = page.connections.first?.id
                return id != nil
            }
            try #require(isListed)
            return Member(client: client, id: try #require(id))
        }

        private func push(_ text: String, to path: String, via node: TestNode, query: String = "") async throws -> Receipt {
            let response = try await node.request("POST", "/api/\(path)/send\(query)", body: "{\"message\":\"\(text)\"}")
            try #require(response.status == 200, "\(response.body)")
            return try response.decode()
        }

        /// - Parameter body: gets a second node, and the network between it and Redis.
        private func withFarNode(_ body: (Cluster, TestNode, TCPProxy) async throws -> Void) async throws {
            let redis = try RedisServer.start()
            let proxy = try await TCPProxy.start(to: redis.port)
            try await Cluster.run(nodes: 1, options: Self.options, on: redis) { cluster in
                let far = try await cluster.start("far", options: Self.options + ["--redis", proxy.url])
                try await body(cluster, far, proxy)
            }
            await proxy.stop()
        }

        /// Everything a client has got up to a broadcast that comes after it.
        private func got(_ client: WebSocketTestClient) async throws -> [String] {
            try await client.everything(until: "the end").compactMap(\.message)
        }

        @Test
        func `Users and groups of any name, and JSON and bytes for them, are reached from every node through Redis`() async throws
        {
            let names = [
                "auth0|5f7c", "/staff/night shift", "..", "a%2Fb{}\n", "e\u{301}", "\u{E9}", "😀",
                String(repeating: "日", count: 1024),
                String(repeating: "n", count: 257),
            ]
            try await Cluster.run(options: Self.options + ["--max-header", "64KiB"]) { cluster in
                var members: [(name: String, member: Member)] = []
                for name in names {
                    members.append((name, try await self.member(AwkwardNames.percentEncoded(name), on: cluster.c)))
                }
                for (name, member) in members {
                    let (encoded, shown) = (AwkwardNames.percentEncoded(name), Comment("\(name.prefix(20))"))
                    // The first 8 digits of the id are enough, on another node too.
                    let path = "/api/groups/\(encoded)/connections/\(member.id.prefix(8))"
                    #expect(try await cluster.a.request("PUT", path).status == 204, shown)
                    let page: ConnectionList = try await cluster.b.get("/api/connections?user=\(encoded)&group=\(encoded)")
                    #expect(page.connections.map(\.id) == [member.id], shown)
                    #expect(page.connections.first.map { $0.groups.map { Array($0.utf8) } } == [Array(name.utf8)], shown)
                    let json = try await cluster.a.request(
                        "POST",
                        "/api/groups/\(encoded)/send",
                        body: #"{"data":[1,{"a":null}]}"#
                    )
                    let bytes = try await cluster.b.request(
                        "POST",
                        "/api/users/\(encoded)/send",
                        headers: ["content-type": "application/octet-stream"],
                        body: "\u{0}\u{1}"
                    )
                    for answer in [json, bytes] {
                        let receipt: Receipt = try answer.decode()
                        #expect((answer.status, receipt.recipients) == (200, 1), shown)
                    }
                    guard case .text(let text) = try await member.client.next() else { throw WebSocketTestClient.Failure.timeout }
                    #expect(text.hasSuffix(#","data":[1,{"a":null}]}"#) && text.contains(#","group":""#), shown)
                    #expect(try await member.client.next() == .binary([0, 1]), shown)
                    #expect(try await cluster.b.request("DELETE", path).status == 204, shown)
                }
            }
        }

        @Test
        func `A push to a user reaches all its connections on all nodes, from any node, and nobody else`() async throws {
            try await Cluster.run(options: Self.options) { cluster in
                let alices = [try await cluster.a.connect("/ws?user=alice%40x"), try await cluster.c.connect("/ws?user=alice@x")]
                let others = [try await cluster.b.connect("/ws?user=bob"), try await cluster.c.connect()]
                try await cluster.waitForConnections(4)
                for node in cluster.nodes {
                    let receipt = try await self.push("from \(node.name)", to: "users/alice%40x", via: node)
                    #expect(receipt.recipients == 2)
                    #expect(receipt.nodes.filter { $0.recipients > 0 }.map(\.node) == ["a", "c"])
                    #expect(receipt.missing.isEmpty)
                }
                _ = try await cluster.a.broadcast("the end")
                for client in alices {
                    let got = try await self.got(client)
                    #expect(got == ["from a", "from b", "from c"])
                }
                for client in others {
                    let got = try await self.got(client)
                    #expect(got.isEmpty)
                }
            }
        }

        @Test
        func `Who has the answer to its handshake is reached by what is pushed to its user from then on, however far Redis is`()
            async throws
        {
            try await self.withFarNode { cluster, far, proxy in
                try await proxy.set(.delay(.milliseconds(30)))
                for number in 0..<5 {
                    let client = try await far.connect("/ws?user=user-\(number)")
                    let receipt = try await self.push("Welcome", to: "users/user-\(number)", via: cluster.a, query: Self.patient)
                    #expect(receipt.recipients == 1, "user-\(number) is not reached")
                    let seen = try await client.see()
                    #expect(seen == .broadcast("Welcome"))
                }
            }
        }

        @Test
        func `A handshake does not wait for a Redis that does not answer, and its user counts once it does`() async throws {
            try await self.withFarNode { cluster, far, proxy in
                try await proxy.set(.hold)
                let client = try await far.connect("/ws?user=alice")
                let before = try await self.push("Lost", to: "users/alice", via: cluster.a)
                #expect(before.recipients == 0)
                try await proxy.set(.pass)
                try await cluster.waitForConnections(1)
                let after = try await self.push("Welcome", to: "users/alice", via: cluster.a)
                #expect(after.recipients == 1)
                let seen = try await client.see()
                #expect(seen == .broadcast("Welcome"))
            }
        }

        @Test
        func `A push through the node to which a user's first client there is just connecting tells the truth, and comes once`()
            async throws
        {
            try await Cluster.run(nodes: 2, options: Self.options) { cluster in
                for number in 0..<100 {
                    let path = "/ws?user=user-\(number)"
                    let there = try await cluster.b.connect(path)
                    async let here = cluster.a.connect(path)
                    // From before the handshake's end to after it.
                    if !number.isMultiple(of: 4) { try await Task.sleep(for: .microseconds(500 * (number % 4))) }
                    let receipt = try await self.push("Welcome", to: "users/user-\(number)", via: cluster.a)
                    let clients = [there, try await here]
                    #expect(!receipt.degraded && receipt.missing.isEmpty, "\(receipt)")
                    _ = try await self.push("the end", to: "users/user-\(number)", via: cluster.b)
                    var got: [[String]] = []
                    for client in clients { got.append(try await self.got(client)) }
                    #expect(got[0] == ["Welcome"])
                    #expect(got[1] == Array(repeating: "Welcome", count: receipt.recipients - 1), "\(receipt)")
                    for client in clients { try await client.close(code: 1000) }
                }
            }
        }

        @Test
        func `A push to nobody is 200 with 0 recipients, at once`() async throws {
            try await Cluster.run(nodes: 2, options: Self.options) { cluster in
                let start = ContinuousClock.now
                for path in ["users/nobody", "groups/nothing"] {
                    let receipt = try await self.push("Hello?", to: path, via: cluster.a, query: "?timeout=10s")
                    #expect(receipt.recipients == 0)
                    #expect(receipt.missing.isEmpty)
                }
                #expect(ContinuousClock.now - start < .seconds(5))
            }
        }

        @Test
        func `The first of two connections of a user to leave does not take the user's subscription with it`() async throws {
            try await Cluster.run(nodes: 2, options: Self.options) { cluster in
                let first = try await cluster.b.connect("/ws?user=alice")
                let second = try await cluster.b.connect("/ws?user=alice")
                try await cluster.waitForConnections(2)
                try await first.close(code: 1000)
                try await cluster.waitForConnections(1)
                // Longer than an unneeded subscription lasts.
                let stays = try await eventually(within: .seconds(7)) {
                    try await self.push("Still there?", to: "users/alice", via: cluster.a).recipients != 1
                }
                #expect(!stays, "the subscription went with the first connection")
                try await second.close(code: 1000)
            }
        }

        @Test
        func `Members of a group get a push once, also those in two groups, from the moment the join was confirmed`() async throws
        {
            try await Cluster.run(options: Self.options) { cluster in
                let members = [
                    try await self.member("one", on: cluster.a), try await self.member("two", on: cluster.b),
                    try await self.member("three", on: cluster.c),
                ]
                for (member, via) in zip(members, [cluster.b, cluster.c, cluster.c]) {
                    let target = "/api/groups/red/connections/\(member.id)"
                    #expect(try await via.request("PUT", target).status == 204)
                    // Again is no other: and what is published from here on arrives.
                    #expect(try await via.request("PUT", target).status == 204)
                    _ = try await self.push("to \(member.id)", to: "groups/red", via: cluster.a)
                }
                #expect(try await cluster.a.request("PUT", "/api/groups/blue/connections/\(members[0].id)").status == 204)
                let receipt = try await self.push("all red", to: "groups/red", via: cluster.b)
                #expect(receipt.recipients == 3)
                _ = try await self.push("all blue", to: "groups/blue", via: cluster.c)
                _ = try await cluster.a.broadcast("the end")
                let joins = members.map { "to \($0.id)" }
                let got1 = try await self.got(members[0].client)
                #expect(got1 == joins + ["all red", "all blue"])
                let got2 = try await self.got(members[1].client)
                #expect(got2 == joins.dropFirst() + ["all red"])
                let got3 = try await self.got(members[2].client)
                #expect(got3 == joins.dropFirst(2) + ["all red"])
            }
        }

        @Test
        func `Who leaves a group gets nothing more of it, and the inventory knows groups and users`() async throws {
            try await Cluster.run(nodes: 2, options: Self.options) { cluster in
                let stays = try await self.member("stays", on: cluster.a)
                let leaves = try await self.member("leaves", on: cluster.b)
                for member in [stays, leaves] {
                    #expect(try await cluster.a.request("PUT", "/api/groups/g/connections/\(member.id)").status == 204)
                }
                for node in cluster.nodes {
                    let page: ConnectionList = try await node.get("/api/connections?group=g")
                    #expect(page.count == 2)
                    #expect(Set(page.connections.map(\.id)) == [stays.id, leaves.id])
                    #expect(page.connections.allSatisfy { $0.groups == ["g"] })
                }
                #expect(try await cluster.a.request("DELETE", "/api/groups/g/connections/\(leaves.id)").status == 204)
                #expect(try await self.push("after", to: "groups/g", via: cluster.b).recipients == 1)
                for node in cluster.nodes {
                    let page: ConnectionList = try await node.get("/api/connections?group=g")
                    #expect(page.connections.map(\.id) == [stays.id])
                    let one: ConnectionList.Item = try await node.get("/api/connections/\(leaves.id)")
                    #expect(one.groups.isEmpty)
                    #expect(one.user == "leaves")
                }
                _ = try await cluster.a.broadcast("the end")
                let got4 = try await self.got(stays.client)
                #expect(got4 == ["after"])
                let got5 = try await self.got(leaves.client)
                #expect(got5.isEmpty)
            }
        }

        @Test
        func `Groups survive a lease that was lost`() async throws {
            try await Cluster.run(nodes: 2, options: Self.options) { cluster in
                let member = try await self.member("alice", on: cluster.b)
                #expect(try await cluster.a.request("PUT", "/api/groups/g/connections/\(member.id)").status == 204)
                _ = cluster.redis.command("FLUSHALL")
                let isBack = try await eventually {
                    let page: ConnectionList = try await cluster.a.get("/api/connections?group=g&user=alice")
                    return page.count == 1 && page.complete
                }
                #expect(isBack)
                #expect(try await self.push("still", to: "groups/g", via: cluster.a).recipients == 1)
            }
        }

        @Test
        func `Texts that are no names are 400, unknown connections 404, and a 65th group 409`() async throws {
            try await Cluster.run(nodes: 2, options: Self.options) { cluster in
                let member = try await self.member("alice", on: cluster.b)
                let long = String(repeating: "n", count: 1025)
                for (path, field) in [
                    ("groups/a%00b/send", "group"), ("groups/\(long)/send", "group"), ("users/%00/send", "user"),
                ] {
                    let response = try await cluster.a.request("POST", "/api/\(path)", body: #"{"message":"x"}"#)
                    #expect(response.status == 400, "\(path): \(response.body)")
                    #expect(try response.decode(Problem.self).field == field)
                }
                let unknown = String(repeating: "0", count: 24) + member.id.suffix(8)
                for id in [unknown, "nonsense", String(repeating: "f", count: 32)] {
                    for method in ["PUT", "DELETE"] {
                        #expect(try await cluster.a.request(method, "/api/groups/g/connections/\(id)").status == 404)
                    }
                }
                for number in 0..<64 {
                    #expect(try await cluster.a.request("PUT", "/api/groups/g\(number)/connections/\(member.id)").status == 204)
                }
                #expect(try await cluster.a.request("PUT", "/api/groups/g64/connections/\(member.id)").status == 409)
                #expect(try await cluster.a.request("PUT", "/api/groups/g63/connections/\(member.id)").status == 204)
                let item: ConnectionList.Item = try await cluster.a.get("/api/connections/\(member.id)")
                #expect(item.groups.count == 64)
            }
        }

        @Test
        func `Without --insecure-user-query a user in the query is refused`() async throws {
            try await Cluster.run(nodes: 1) { cluster in
                let headers = [
                    "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
                    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
                ]
                let response = try await cluster.a.request("GET", "/ws?user=alice", headers: headers)
                #expect(response.status == 403)
            }
        }

        @Test
        func `wait=written counts the connections whose bytes have left for the kernel`() async throws {
            try await Cluster.run(nodes: 2, options: Self.options) { cluster in
                let readers = [try await cluster.a.connect(), try await cluster.b.connect(), try await cluster.b.connect()]
                try await cluster.waitForConnections(3)
                let response = try await cluster.a.request(
                    "POST",
                    "/api/connections/broadcast?wait=written",
                    body: #"{"message":"written"}"#
                )
                let receipt: Receipt = try response.decode()
                #expect(receipt.recipients == 3)
                #expect(receipt.nodes.map(\.recipients) == [1, 2])
                for client in readers { #expect(try await client.see() == .broadcast("written")) }
            }
        }
    }
}
