import TestSupport
import Testing

@testable import VolaryNode

/// Readers of `/events` over HTTP/2.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct EventStreamHTTP2Tests {
    private static func push(_ client: HTTP2TestClient, _ text: String) async throws {
        let type = ("content-type", "application/json")
        let answer = try await client.request("POST", "/api/connections/broadcast", [type], body: #"{"message": "\#(text)"}"#)
        #expect(answer.status == 200)
    }

    @Test func `Streams of one connection are readers of their own`() async throws {
        try await HTTP2Node.with { client, node in
            let streams = [try await client.send("GET", "/events"), try await client.send("GET", "/events/?hub=default")]
            for stream in streams {
                #expect(await eventually { stream.status == 200 && stream.body.hasPrefix(":\n\nid: ") })
                #expect(stream[field: "content-type"] == "text/event-stream" && stream[field: "connection"] == nil)
            }
            let ids = try await node.listed(2)
            try await Self.push(client, "one")
            for stream in streams { #expect(await eventually { EventStreamClient.events(in: stream.body).count == 1 }) }
            let closed = try await client.request("DELETE", "/api/connections/\(ids[0])")
            #expect(closed.status == 204)
            #expect(await eventually { streams.contains { $0.hasEnd } })
            let (ended, open) = streams[0].hasEnd ? (streams[0], streams[1]) : (streams[1], streams[0])
            #expect(EventStreamClient.events(in: ended.body).last?.name == "close" && ended.reset == nil)
            #expect(!open.isOver)
            try await open.reset()
            #expect(try await node.listed(0) == [])
        }
    }

    @Test func `A request with a body is refused`() async throws {
        try await HTTP2Node.with { client, _ in
            let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", "/events")]
            let stream = try await client.open(fields, ends: false)
            #expect(await eventually { stream.problem == "not-a-websocket" })
            #expect(stream.status == 400)
        }
    }

    @Test func `A reader whose window is full is closed as a slow consumer`() async throws {
        try await HTTP2Node.with([.maximumUnsent: "64KiB", .closeTimeout: "100ms"]) { client, node in
            let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", "/events")]
            let deaf = try await client.open(fields, ends: true, isDeaf: true)
            _ = try await node.listed(1)
            let text = String(repeating: "x", count: 30_000)
            let isClosed = try await eventually {
                try await Self.push(client, text)
                return deaf.isOver
            }
            #expect(isClosed)
            #expect(try await node.listed(0) == [])
        }
    }

    @Test func `A node that shuts down ends the streams in order`() async throws {
        try await HTTP2Node.with { client, node in
            let stream = try await client.send("GET", "/events")
            #expect(await eventually { !stream.body.isEmpty })
            try await node.stop()
            // The end of the connection may overtake that of the stream: closed while window updates of the client are on their way,
            // the kernel resets it.
            #expect(await eventually { stream.isOver })
            #expect(stream.reset == nil)
            #expect(stream.body.contains("retry: 1000\nevent: close\n"))
        }
    }
}
