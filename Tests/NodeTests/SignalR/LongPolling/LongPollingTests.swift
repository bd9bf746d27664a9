import Foundation
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode
@testable import VolaryProtocol

/// SignalR over long polling, with each request at another node.
@Suite(.serialized)
struct LongPollingTests {
    private static func echo(_ number: Int) -> String {
        #"{"type":1,"target":"Echo","arguments":[\#(number)],"invocationId":"\#(number)"}"#
    }

    private static func result(_ number: Int) -> String { #"{"type":3,"invocationId":"\#(number)","result":\#(number)}"# }

    @Test(arguments: [1, 3])
    func `A client polls and posts at any node`(nodes count: Int) async throws {
        try await APITestNode.with(count, makeHubs: SignalRHub.served) { nodes in
            for version in 0...1 {
                let client = try await SignalRRequester.negotiate(nodes, version: version)
                try await client.begin()
                for node in nodes {
                    let path = "/api/connections/\(client.id)?hub=reference"
                    #expect(
                        try await eventually {
                            try await node.http.request("GET", path).json["transport"] as? String == "longPolling"
                        }
                    )
                }
                for number in 1...6 {
                    #expect(try await client.post(Self.echo(number)) == 200)
                    #expect(try await client.records(1) == [Self.result(number)])
                }
                // A poll that waits.
                async let waiting = client.records(1)
                #expect(try await client.post(Self.echo(7)) == 200)
                #expect(try await waiting == [Self.result(7)])
                #expect(try await client.post((8...300).map(Self.echo).joined(separator: "\u{1E}")) == 200)
                #expect(try await client.records(293) == (8...300).map(Self.result))
                #expect(try await client.request("DELETE").status == 202)
                for _ in nodes { #expect(try await client.request("DELETE").status == 404) }
                #expect(try await client.poll().status == 404)
                #expect(try await client.post(Self.echo(1)) == 404)
            }
        }
    }

    @Test func `The handshake may be posted before the first poll, at another node`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes, version: 0)
            #expect(try await client.post(#"{"protocol":"json","version":1}"#, Self.echo(1)) == 200)
            let first = try await client.poll()
            #expect(first.status == 200 && first.body.isEmpty)
            #expect(try await client.poll().body == "{}\u{1E}")
            #expect(try await client.records(1) == [Self.result(1)])
            #expect(try await client.poll().status == 200)
        }
    }

    @Test func `A later poll ends the one that waits, at whichever nodes they are`() async throws {
        try await APITestNode.with(3, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            try await client.begin()
            for _ in 1...6 {
                async let first = client.poll()
                let isWaiting = WaitingPoll(nodes)
                #expect(await eventually { await isWaiting.hasPoll(client.id) })
                async let second = client.poll()
                #expect(try await first.status == 204)
                try await client.post(Self.echo(1))
                #expect(try await second.body == Self.result(1) + "\u{1E}")
            }
        }
    }

    @Test func `A poll that the client breaks off takes nothing along`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            try await client.begin()
            let isWaiting = WaitingPoll(nodes)
            for number in 1...6 {
                let raw = try await RawTestClient.connect(port: client.node().port)
                try await raw.send("GET \(client.path) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(await eventually { await isWaiting.hasPoll(client.id) })
                await raw.close()
                #expect(await eventually { await !isWaiting.hasPoll(client.id) })
                try await client.post(Self.echo(number))
                #expect(try await client.records(1) == [Self.result(number)])
            }
        }
    }

    @Test func `A node that drains ends the polls that wait for other nodes, whose connections stay`() async throws {
        try await APITestNode.with(2, [.drainDelay: "0s"], makeHubs: SignalRHub.served) { nodes in
            // Its first poll, and so its connection, is at the first node.
            let client = try await SignalRRequester.negotiate([nodes[0]])
            try await client.begin()
            async let waiting = nodes[1].http.request("GET", client.path)
            let isWaiting = WaitingPoll(nodes)
            #expect(await eventually { await isWaiting.hasPoll(client.id) })
            await nodes[1].beginStop()
            let answer = try await waiting
            #expect(answer.status == 200 && answer.body.isEmpty, "\(answer.body)")
            #expect(try await client.post(Self.echo(1)) == 200)
            #expect(try await client.records(1) == [Self.result(1)])
        }
    }

    @Test func `MessagePack goes out as bytes`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            #expect(try await client.poll().status == 200)
            #expect(try await client.post(#"{"protocol":"messagepack","version":1}"#) == 200)
            #expect(try await client.poll().body == "{}\u{1E}")
            let call = SignalRRecord.invocation(
                SignalRInvocation("Echo", [ByteBuffer(bytes: [0xCD, 0x01, 0x00])], id: "1")
            )
            let record = Array(buffer: call.messagePack)
            for node in nodes {
                let raw = try await RawTestClient.connect(port: node.port)
                let head =
                    "POST \(client.path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: \(record.count)\r\n\r\n"
                try await raw.send(bytes: Array(head.utf8) + record)
                #expect(await eventually { raw.received.hasPrefix("HTTP/1.1 200 ") })
                let poll = try await RawTestClient.connect(port: node.port)
                try await poll.send("GET \(client.path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                #expect(await eventually { poll.isEnded })
                let result = Array(
                    buffer: SignalRRecord.completion(id: "1", .result(ByteBuffer(bytes: [0xCD, 0x01, 0x00]))).messagePack
                )
                #expect(Array(poll.bytes.suffix(result.count)) == result, "\(poll.received)")
            }
        }
    }

    @Test func `The end of the connection comes with what is left, then 204, then 404`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            try await client.begin()
            #expect(
                try await eventually {
                    try await nodes[0].http.request("DELETE", "/api/connections/\(client.id)?hub=reference").status == 204
                }
            )
            let last = try await client.poll()
            #expect(last.status == 200 && last.body.hasPrefix(#"{"type":7"#), "\(last.body)")
            #expect(try await client.poll().status == 204)
            for _ in nodes { #expect(try await client.poll().status == 404) }
        }
    }

    @Test func `Another user's token gets 403, none suffices, and a bad one gets 401`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        let options: [ConfigurationOption: String] = [.jwtKey: file.path, .apiKey: PubSubNode.apiKey]
        func header(of user: String) async throws -> [String: String] {
            let claims = TestClaims(sub: user, exp: Date().timeIntervalSince1970 + 3600)
            return ["authorization": "Bearer \(try await TestKeys.sign(claims))"]
        }
        let (ann, bob) = (try await header(of: "ann"), try await header(of: "bob"))
        try await APITestNode.with(2, options, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes, headers: ann)
            // A connection is opened with a token.
            #expect(try await client.poll().status == 401)
            #expect(try await client.poll(headers: ann).status == 200)
            for _ in nodes {
                #expect(try await client.poll(headers: bob).status == 403)
                #expect(try await client.post("x", headers: bob) == 403)
                #expect(try await client.request("DELETE", headers: bob).status == 403)
                #expect(try await client.poll(headers: ["authorization": "Bearer x"]).status == 401)
            }
            #expect(try await client.post(#"{"protocol":"json","version":1}"#) == 200)
            #expect(try await client.records(1) == ["{}"])
            #expect(try await client.request("DELETE").status == 202)
        }
        withExtendedLifetime(file) {}
    }

    @Test func `Requests without an id, with two, or with one that is none`() async throws {
        try await APITestNode.with(1, makeHubs: SignalRHub.served) { nodes in
            for method in ["GET", "POST", "DELETE"] {
                let http = nodes[0].http
                for query in ["", "?id=", "?x=y"] {
                    let answer = try await http.request(method, SignalRRequester.hub + query)
                    #expect(answer.status == 400 && answer.problem == "missing-connection-id", "\(method) \(query)")
                }
                for query in ["?id=x", "?id=\(String(repeating: "A", count: 43))&id=x", "?id=0123456789abcdef0123456789abcdef"] {
                    #expect(try await http.request(method, SignalRRequester.hub + query).status == 404, "\(method) \(query)")
                }
                #expect(try await http.request(method, "/hubs/unknown?id=x").status == 404)
            }
            #expect(try await nodes[0].http.request("PUT", SignalRRequester.hub).status == 405)
            #expect(try await nodes[0].http.request("HEAD", SignalRRequester.hub).status == 405)
        }
    }

    @Test func `A connection over long polling counts for the node's limit of connections, and for the hub's`() async throws {
        try await APITestNode.with(1, [.hubConnections: "1"], makeHubs: SignalRHub.served) { nodes in
            let first = try await SignalRRequester.negotiate(nodes)
            try await first.begin()
            let second = try await SignalRRequester.negotiate(nodes)
            #expect(try await second.poll().status == 429)
            #expect(try await first.request("DELETE").status == 202)
            #expect(try await eventually { try await SignalRRequester.negotiate(nodes).poll().status == 200 })
        }
    }
}

/// Whether a poll waits at one of the nodes.
private struct WaitingPoll: Sendable {
    let nodes: [APITestNode]

    init(_ nodes: [APITestNode]) { self.nodes = nodes }

    func hasPoll(_ id: String) async -> Bool {
        guard let id = ConnectionID(id) else { return false }
        for node in self.nodes {
            let isWaiting = await node.server.clients.host.connections.onShard(of: id, in: "reference") { _, connection in
                (connection.transport as? LongPollTransport)?.waiting != nil
            }
            if isWaiting == true { return true }
        }
        return false
    }
}
