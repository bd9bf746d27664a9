import NIOCore
import TestSupport
import Testing

@testable import VolaryNode
@testable import VolaryProtocol

/// SignalR over server-sent events, with posts to any node.
@Suite(.serialized)
struct SignalREventStreamTests {
    private static let handshake = #"{"protocol":"json","version":1}"#

    private static func echo(_ number: Int) -> String {
        #"{"type":1,"target":"Echo","arguments":[\#(number)],"invocationId":"\#(number)"}"#
    }

    private static func result(_ number: Int) -> String { #"{"type":3,"invocationId":"\#(number)","result":\#(number)}"# }

    @Test(arguments: [1, 3])
    func `A client calls methods with posts to any node, and gets the results as events`(nodes count: Int) async throws {
        try await APITestNode.with(count, makeHubs: SignalRHub.served) { nodes in
            for version in 0...1 {
                let client = try await SignalRRequester.negotiate(nodes, version: version)
                let events = try await client.events()
                let head = events.received.lowercased()
                for line in ["http/1.1 200 ok", "content-type: text/event-stream", "x-accel-buffering: no", "no-store"] {
                    #expect(head.contains(line))
                }
                #expect(try await client.post(Self.handshake) == 200)
                #expect(await eventually { events.received.contains("data: {}\u{1E}\r\n\r\n") }, "\(events.received)")
                for number in 1...9 {
                    #expect(try await client.post(Self.echo(number)) == 200)
                    #expect(await eventually { events.eventRecords.last == Self.result(number) }, "\(events.received)")
                }
                let all = (0..<20).map { Self.echo(10 + $0) }.joined(separator: "\u{1E}")
                #expect(try await client.post(all) == 200)
                #expect(await eventually { events.eventRecords.count == 30 })
                #expect(events.eventRecords == ["{}"] + (1...29).map(Self.result))
            }
        }
    }

    @Test func `Publications come as events, of which none divides a record`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            let events = try await client.events()
            try await client.post(Self.handshake)
            #expect(await eventually { events.eventRecords == ["{}"] })
            let broadcast = try await nodes[1].http.request(
                "POST",
                "/api/connections/broadcast?hub=reference",
                body: #"{"message":"two\nlines"}"#
            )
            #expect(broadcast.json["recipients"] as? Int == 1, "\(broadcast.body)")
            #expect(await eventually { events.eventRecords.count == 2 })
            #expect(events.eventRecords.last == #"{"type":1,"target":"message","arguments":["two\nlines"]}"#)
            #expect(events.received.hasSuffix("\u{1E}\r\n\r\n"))
            let listed = try await nodes[0].http.request("GET", "/api/connections/\(client.id)?hub=reference")
            #expect(listed.json["protocol"] as? String == "signalr")
            #expect(listed.json["transport"] as? String == "serverSentEvents")
        }
    }

    @Test func `MessagePack is refused, with SignalR's words, and the stream ends`() async throws {
        try await APITestNode.with(1, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            let events = try await client.events()
            #expect(try await client.post(#"{"protocol":"messagepack","version":1}"#) == 200)
            #expect(await eventually { events.isEnded })
            #expect(
                events.eventRecords == [
                    #"{"error":"Cannot use the 'messagepack' protocol on the current transport. The transport does not support 'Binary' transfer format."}"#
                ]
            )
        }
    }

    @Test func `A stream needs an id, and the connection's own transport`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            let events = try await client.events()
            // Other nodes know it from then on.
            for node in nodes {
                let path = "/api/connections/\(client.id)?hub=reference"
                #expect(try await eventually { try await node.http.request("GET", path).status == 200 })
            }
            for _ in nodes {
                let second = try await client.events()
                #expect(await eventually { second.isEnded })
                #expect(second.received.hasPrefix("HTTP/1.1 409 "), "\(second.received)")
                let poll = try await client.poll()
                #expect(poll.status == 400 && poll.problem == "wrong-transport", "\(poll.body)")
                #expect(try await client.request("DELETE").status == 400)
            }
            #expect(!events.isEnded)
            let unknown = try await RawTestClient.connect(port: nodes[0].port)
            try await unknown.send("GET /hubs/reference HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")
            #expect(await eventually { unknown.isEnded })
            #expect(unknown.received.hasPrefix("HTTP/1.1 400 ") && unknown.received.contains("Connection ID required"))
        }
    }

    @Test func `A post to a WebSocket gets 405, at any node`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            let socket = try await nodes[0].open(client.path)
            for _ in nodes {
                #expect(try await client.post(Self.handshake) == 405)
                #expect(try await client.poll().status == 400)
                #expect(try await client.request("DELETE").status == 400)
            }
            #expect(!socket.isClosed)
        }
    }

    @Test func `The end of the stream ends the connection, and a post then gets 404`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            let events = try await client.events()
            try await client.post(Self.handshake)
            #expect(await eventually { events.eventRecords == ["{}"] })
            await events.close()
            for _ in nodes { #expect(try await eventually { try await client.post(Self.echo(1)) == 404 }) }
        }
    }

    @Test func `A Close record of the client, or a malformed one, ends the stream`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            for (record, last) in [
                (#"{"type":7}"#, "{}"), ("nonsense", #"{"type":7,"error":"Connection closed with an error."}"#),
            ] {
                let client = try await SignalRRequester.negotiate(nodes)
                let events = try await client.events()
                try await client.post(Self.handshake)
                #expect(try await client.post(record) == 200)
                #expect(await eventually { events.isEnded })
                #expect(events.eventRecords.last == last)
            }
        }
    }

    @Test func `A record above the limit gets 413, a longer body of short records does not`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let client = try await SignalRRequester.negotiate(nodes)
            let events = try await client.events()
            try await client.post(Self.handshake)
            let many = (1...1000).map(Self.echo)
            #expect(try await client.post(many.joined(separator: "\u{1E}")) == 200)
            #expect(await eventually { events.eventRecords.count == 1001 })
            #expect(events.eventRecords == ["{}"] + (1...1000).map(Self.result))
            #expect(try await client.post(String(repeating: " ", count: 33_000)) == 413)
            #expect(await eventually { events.isEnded })

            let body = String(repeating: " ", count: 1024 * 1024 + 1)
            let answer = try await client.request("POST", body: body)
            #expect(answer.status == 413 && answer.problem == "body-too-large", "\(answer.body)")
        }
    }
}
