import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Readers of `/events`.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct EventStreamTests {
    private static func push(
        _ node: APITestNode,
        _ text: String,
        to path: String = "connections/broadcast",
        query: String = ""
    ) async throws -> Int? {
        let answer = try await node.http.request("POST", "/api/\(path)\(query)", body: #"{"message": "\#(text)"}"#)
        #expect(answer.status == 200)
        return answer.json["recipients"] as? Int
    }

    @Test func `A reader is listed with its protocol, counted in receipts, and gets every message of its hub`() async throws {
        try await APITestNode.with(2) { nodes in
            let reader = try await EventStreamClient.open(nodes[0])
            #expect(reader.status == 200)
            for field in [
                "content-type: text/event-stream", "cache-control: no-store", "connection: close", "x-accel-buffering: no",
            ] {
                #expect(reader.head.contains("\r\n\(field)\r\n"), "\(reader.head)")
            }
            #expect(!reader.head.contains("access-control") && !reader.head.contains("content-length"))
            _ = try await nodes[1].listed(1)
            let list = try await nodes[1].http.request("GET", "/api/connections")
            let listed = (list.json["connections"] as? [[String: Any]])?.first
            #expect(listed?["protocol"] as? String == "sse" && listed?["hub"] as? String == "default")
            #expect(try await Self.push(nodes[1], "one") == 1)
            #expect(try await Self.push(nodes[0], "two", query: "?wait=written") == 1)
            let client = try await nodes[1].open("/ws")
            client.write(ClientFrame.text("three") + ClientFrame.binary([1, 2, 3]))
            let events = await reader.events(4)
            #expect(events.map(\.name) == ["server-broadcast", "server-broadcast", "message", "binary"])
            for (event, text) in zip(events, ["one", "two", "three"]) { #expect(event.data.contains("\"message\":\"\(text)\"")) }
            #expect(events.last?.data.contains(#""data":"AQID""#) == true)
            #expect(try await Self.push(nodes[1], "elsewhere", query: "?hub=other") == 0)
        }
    }

    @Test func `It gets messages to its groups, and its hub is that of the query`() async throws {
        try await APITestNode.with { node in
            let reader = try await EventStreamClient.open(node, "?hub=Chat&group=a&group=b%2Fc&welcome=on")
            #expect(await reader.events(1).first?.name == "welcome")
            #expect(reader.events.first?.data.contains(#""groups":["a","b/c"]"#) == true)
            #expect(try await Self.push(node, "a", to: "groups/a/send", query: "?hub=chat") == 1)
            #expect(try await Self.push(node, "bc", to: "groups/b%2Fc/send", query: "?hub=chat") == 1)
            #expect(try await Self.push(node, "x", to: "groups/x/send", query: "?hub=chat") == 0)
            #expect(try await Self.push(node, "x", to: "groups/a/send") == 0)
            #expect(try await Self.push(node, "all", query: "?hub=chat") == 1)
            #expect(await reader.events(4).map(\.name) == ["welcome"] + Array(repeating: "server-broadcast", count: 3))
        }
    }

    @Test(
        arguments: [
            ("?hub=a-b", "", 400, "invalid-name"), ("?hub=a&hub=b", "", 400, "invalid-name"),
            ("?group=", "", 400, "invalid-name"),
            ("?group=%00", "", 400, "invalid-name"), ("?group=%ff", "", 400, "invalid-name"),
            ("?welcome=yes", "", 400, "invalid-query"), ("?user=ann", "", 403, "user-not-accepted"),
            ("", "Content-Length: 1\r\n", 400, "not-a-websocket"), ("", "Transfer-Encoding: chunked\r\n", 400, "not-a-websocket"),
            ("", "Origin: https://other.example\r\n", 403, "origin-not-allowed"),
        ]
    )
    func `A request that is not valid is refused with a reason`(
        query: String,
        field: String,
        status: Int,
        problem: String
    )
        async throws
    {
        try await APITestNode.with { node in
            let reader = try await EventStreamClient.open(node, query, field)
            #expect(reader.status == status)
            #expect(reader.body.contains("urn:volary:problem:\(problem)"), "\(reader.body)")
            #expect(try await node.listed(0) == [])
        }
    }

    @Test func `Other methods are answered as plain requests, and an upgrade to a WebSocket finds nothing here`() async throws {
        try await APITestNode.with { node in
            #expect(try await node.http.request("POST", "/events", body: "{}").status == 405)
            #expect(try await node.http.request("OPTIONS", "/events")[header: "allow"] == "GET, HEAD, OPTIONS")
            let head = try await node.http.request("HEAD", "/events")
            #expect(head.status == 200 && head[header: "content-type"] == "text/event-stream")
            let upgrade = try await node.answer(to: HandshakeRequest.bytes(path: "/events")) { $0.contains("unknown-path") }
            #expect(upgrade.text.hasPrefix("HTTP/1.1 404 "))
        }
    }

    @Test func `A stream may follow other requests of a connection, and what follows it is dropped`() async throws {
        try await APITestNode.with { node in
            let raw = try await RawTestClient.connect(port: node.port)
            let get = { (path: String) in "GET \(path) HTTP/1.1\r\nHost: test\r\n\r\n" }
            try await raw.send(get("/livez") + get("/events/?hub=chat") + get("/livez"))
            #expect(await eventually { raw.received.contains("\r\n\r\n:\n\n") })
            #expect(raw.received.components(separatedBy: "HTTP/1.1 ").count == 3)
            #expect(try await eventually { try await Self.push(node, "x", query: "?hub=chat") == 1 })
            #expect(await eventually { raw.received.hasSuffix("}\n\n") })
            try await raw.send(String(repeating: "x", count: EventStreamTransport.maximumReadBytes + 1))
            #expect(await eventually { raw.isEnded })
            #expect(try await node.listed(0) == [])
        }
    }

    @Test func `Comments at the ping interval keep a silent stream open`() async throws {
        try await APITestNode.with([.pingInterval: "1s", .clientIdleTimeout: "1s"]) { node in
            let reader = try await EventStreamClient.open(node)
            #expect(await eventually { reader.comments >= 5 })
            #expect(!reader.raw.isEnded && reader.events == [])
            #expect(try await Self.push(node, "x") == 1)
        }
    }

    @Test func `A reader that leaves is no longer listed`() async throws {
        try await APITestNode.with { node in
            for _ in 0..<3 {
                let reader = try await EventStreamClient.open(node)
                #expect(try await node.listed(1).count == 1)
                try await reader.raw.endOutput()
                #expect(try await node.listed(0) == [])
            }
            let metrics = try await node.http.request("GET", "/metrics").body
            #expect(metrics.contains(#"volary_websocket_closes_total{code="1006",side="client"} 3"#))
        }
    }

    @Test func `A close over REST ends the stream with an event that has its code and its reason`() async throws {
        try await APITestNode.with { node in
            let reader = try await EventStreamClient.open(node)
            let id = try #require(try await node.listed(1).first)
            #expect(try await Self.push(node, "last") == 1)
            let closed = try await node.http.request("DELETE", "/api/connections/\(id)?code=4001&reason=enough")
            #expect(closed.status == 204)
            #expect(await eventually { reader.raw.isEnded })
            #expect(reader.events.map(\.name) == ["server-broadcast", "close"])
            #expect(reader.events.last?.data == #"{"code":4001,"reason":"enough"}"#)
            #expect(try await node.listed(0) == [])
        }
    }

    @Test func `A node that shuts down says when to connect again, and ends its streams`() async throws {
        try await APITestNode.with { node in
            let readers = [try await EventStreamClient.open(node), try await EventStreamClient.open(node, "?hub=chat")]
            try await node.stop()
            for reader in readers {
                #expect(await eventually { reader.raw.isEnded })
                #expect(reader.body.contains("retry: 1000\nevent: close\ndata: {\"code\":1012,"))
            }
        }
    }

    @Test func `A reader that does not read is closed as a slow consumer, and no other one waits`() async throws {
        try await APITestNode.with([.maximumUnsent: "64KiB", .closeTimeout: "100ms"]) { node in
            let (slow, quick) = (try await EventStreamClient.open(node), try await EventStreamClient.open(node))
            _ = try await node.listed(2)
            try await slow.raw.stopReading()
            let text = String(repeating: "x", count: 500_000)
            var pushes = 0
            // The sanitizer needs a second for each push, and the kernel takes many.
            let isClosed = try await eventually(within: .seconds(120)) {
                pushes += 1
                return try await Self.push(node, text) == 1
            }
            #expect(isClosed)
            #expect(await quick.events(pushes).count == pushes)
            let metrics = try await node.http.request("GET", "/metrics").body
            #expect(metrics.contains("volary_slow_consumers_total 1\n"))
            #expect(try await node.listed(1).count == 1)
        }
    }

    @Test func `A hub that is full takes no reader`() async throws {
        try await APITestNode.with([.hubConnections: "1"]) { node in
            let reader = try await EventStreamClient.open(node)
            let refused = try await EventStreamClient.open(node)
            #expect(reader.status == 200 && refused.status == 429 && refused.body.contains("hub-over-quota"))
        }
    }
}
