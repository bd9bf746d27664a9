import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Events of clients that handlers answer.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct EventHandlerTests {
    private static let none = "[]"

    @Test func `Answers reach the client before the acknowledgment, by their content type`() async throws {
        let answers: [String: HandlerServer.Answer] = [
            "empty": .init(204), "text": .init(200, [("Content-Type", "text/plain")], "hi"),
            "json": .init(201, [("Content-Type", "application/json; charset=utf-8")], #"{"b":1.50,"a":[]}"#),
            "bytes": .init(200, [], "\u{1}"), "metadata": .init(200, [("X-WebPubSub-Metadata-Trace", "t")]),
        ]
        try await HandlerNode.with(events: Self.none) {
            answers[$0.event] ?? .init(404)
        } _: { test in
            let client = try await test.connect(["sub": "ann"])
            for (number, (name, message)) in [
                ("empty", nil), ("text", PubSubClient.message("text", #""hi""#)),
                ("json", PubSubClient.message("json", #"{"b":1.50,"a":[]}"#)),
                ("bytes", PubSubClient.message("binary", #""AQ==""#)),
                ("metadata", PubSubClient.message("text", #""""#, #","metadata":{"trace":"t"}"#)),
            ].enumerated() {
                try await client.send(
                    [PubSubClient.event(name, "x", number)],
                    [message, PubSubClient.ack(number)].compactMap { $0 }
                )
            }
            try await client.send([PubSubClient.event("other", "x", 9)], [PubSubClient.failed(9)])
            // Without a number nothing is told of a failure.
            try await client.send(#"{"type":"event","event":"other","data":1}"#)
            #expect(try await client.before() == [])
            let first = try #require(test.handler.events.first)
            #expect(first.text == "x" && first["content-type"] == "text/plain; charset=utf-8" && first.target == "/chat/empty")
            #expect(first["ce-id"] == "2" && first["ce-userid"] == "ann" && first["ce-type"] == "azure.webpubsub.user.empty")
            #expect(try await test.count("user", "answered") == 5)
        }
    }

    @Test func `Data, metadata and types reach the handler as they were sent`() async throws {
        try await HandlerNode.with(events: Self.none) { test in
            let client = try await test.connect()
            try await client.send(
                [
                    #"{"type":"event","event":"a","data":{"x":1.50,"b":"\u00e4"},"metadata":{"Key":"v"},"ackId":1}"#,
                    #"{"type":"event","event":"b","dataType":"binary","data":"AAE=","ackId":2}"#,
                    #"{"type":"event","event":"c","dataType":"protobuf","data":"AAE=","ackId":3}"#,
                ],
                [PubSubClient.ack(1), PubSubClient.ack(2), PubSubClient.ack(3)]
            )
            let (a, b, c) = (test.handler.events[0], test.handler.events[1], test.handler.events[2])
            #expect(a.text == #"{"x":1.50,"b":"\u00e4"}"# && a["X-WebPubSub-Metadata-Key"] == "v")
            #expect(b.body == [0, 1] && b["content-type"] == "application/octet-stream")
            #expect(c.body == [0, 1] && c["content-type"] == "application/x-protobuf")
            #expect([a, b, c].map { $0["ce-id"] } == ["2", "3", "4"])
        }
    }

    @Test func `A handler's state comes back with later events, until it is cleared`() async throws {
        let states: [String: [(String, String)]] = [
            "set": [("ce-connectionState", "eyJhIjoxfQ=="), ("Set-Cookie", "s=1; Path=/")], "clear": [("ce-connectionState", "")],
        ]
        try await HandlerNode.with(
            events: Self.none
        ) {
            $0.event == "fail" ? .init(400, [("ce-connectionState", "x")]) : .init(204, states[$0.event] ?? [])
        } _: { test in
            let client = try await test.connect()
            for (number, name) in ["one", "set", "keep", "fail", "keep", "clear", "none"].enumerated() {
                try await client.send(
                    [PubSubClient.event(name, "", number)],
                    [name == "fail" ? PubSubClient.failed(number) : PubSubClient.ack(number)]
                )
            }
            let state = "eyJhIjoxfQ=="
            #expect(test.handler.events.map { $0["ce-connectionState"] } == [nil, nil, state, state, state, state, nil])
            #expect(test.handler.events.map { $0["cookie"] } == [nil, nil, "s=1", "s=1", "s=1", "s=1", "s=1"])
        }
    }

    @Test func `Events of one connection go one after the other, with the client's other actions in their place`() async throws {
        let (running, most) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
        try await HandlerNode.with(
            events: Self.none
        ) { _ in
            let now = running.withLockedValue { count in
                count += 1
                return count
            }
            most.withLockedValue { $0 = max($0, now) }
            try? await Task.sleep(for: .milliseconds(2))
            running.withLockedValue { $0 -= 1 }
            return .init()
        } _: { test in
            let client = try await test.connect(["role": ["webpubsub.joinLeaveGroup"]])
            var (sent, expected): ([String], [String]) = ([], [])
            for number in 0..<100 {
                sent.append(
                    number % 10 == 5
                        ? #"{"type":"joinGroup","group":"\#(number)","ackId":\#(number)}"#
                        : PubSubClient.event("e", "\(number)", number)
                )
                expected.append(PubSubClient.ack(number))
            }
            try await client.send(sent, expected)
            #expect(test.handler.events.map(\.text) == (0..<100).filter { $0 % 10 != 5 }.map { "\($0)" })
            #expect(most.withLockedValue { $0 } == 1)
        }
    }

    @Test func `A slow handler delays no other connection, and gets one event of its client at a time`() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        try await HandlerNode.with(
            events: Self.none
        ) { request in
            if request.text == "slow" { for await _ in gate {} }
            return .init()
        } _: { test in
            let (slow, quick) = (try await test.connect(), try await test.connect())
            try await slow.socket.send((0..<200).map { PubSubClient.event("e", "slow", $0) })
            #expect(await eventually { test.handler.events.count == 1 })
            for number in 0..<50 { try await quick.send([PubSubClient.event("e", "x", number)], [PubSubClient.ack(number)]) }
            #expect(test.handler.events.filter { $0.text == "slow" }.count == 1)
            open.finish()
            for number in 0..<200 { #expect(try await slow.next() == PubSubClient.ack(number)) }
        }
    }

    @Test func `Raw clients send events without names, and are closed when one fails`() async throws {
        try await HandlerNode.with(
            events: Self.none
        ) {
            $0.text == "bad" ? .init(500, [], "", .whole) : .init(200, [("Content-Type", "text/plain")], "got \($0.text)")
        } _: { test in
            let client = try await PubSubClient.connect(test.node, "chat", subprotocols: [])
            for number in 0..<3 { try await client.send("\(number)") }
            for number in 0..<3 { #expect(try await client.next() == "got \(number)") }
            try await client.socket.send([1, 2])
            #expect(try await client.next() == "got \u{1}\u{2}")
            let types = test.handler.events.map { $0["content-type"] }
            #expect(types == Array(repeating: "text/plain; charset=utf-8", count: 3) + ["application/octet-stream"])
            #expect(test.handler.events.allSatisfy { $0.event == "message" && $0["ce-subprotocol"] == nil })
        }
    }

    @Test(arguments: [
        HandlerServer.Answer(400), .init(404), .init(302, [("Location", "http://127.0.0.1:1/")]),
        .init(200, [("Content-Type", "text/html")], "x"),
        .init(200, [("Content-Type", "application/json")], "{"),
        .init(200, [], String(repeating: "x", count: HandlerAnswer.maximumBytes + 1)),
        .init(
            200,
            [("Transfer-Encoding", "chunked")],
            "x",
            .raw(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n200000\r\n" + String(repeating: "x", count: 0x200000)
                    + "\r\n0\r\n\r\n"
            )
        ),
    ])
    func `A bad answer fails the event at once, and the connection stays`(answer: HandlerServer.Answer) async throws {
        try await HandlerNode.with(events: Self.none) {
            $0.event == "bad" ? answer : .init()
        } _: { test in
            let client = try await test.connect()
            try await client.send(
                [PubSubClient.event("bad", "x", 1), PubSubClient.event("good", "x", 2)],
                [PubSubClient.failed(1), PubSubClient.ack(2)]
            )
            #expect(test.handler.events.map(\.event) == ["bad", "good"])
            // No other server was asked.
            #expect(test.handler.requests.allSatisfy { $0.method != "GET" })
        }
    }

    @Test func `An answer of the largest size is passed on`() async throws {
        let text = String(repeating: "x", count: HandlerAnswer.maximumBytes)
        try await HandlerNode.with(events: Self.none) { _ in
            .init(200, [("Content-Type", "text/plain")], text)
        } _: { test in
            let client = try await test.connect()
            try await client.send(
                [PubSubClient.event("e", "x", 1)],
                [PubSubClient.message("text", "\"\(text)\""), PubSubClient.ack(1)]
            )
        }
    }

    @Test(arguments: [
        HandlerServer.Answer(500), .init(408), .init(200, [], "", .not), .init(200, [], "", .raw("no HTTP\r\n\r\n")),
    ])
    func `A failure of the handler is tried again with the same number`(answer: HandlerServer.Answer) async throws {
        let failures = NIOLockedValueBox(0)
        try await HandlerNode.with(
            events: Self.none
        ) { _ in
            failures.withLockedValue {
                $0 += 1
                return $0
            } == 1 ? answer : .init()
        } _: { test in
            let client = try await test.connect()
            try await client.send([PubSubClient.event("e", "x", 1)], [PubSubClient.ack(1)])
            #expect(test.handler.events.map { $0["ce-id"] } == ["2", "2"])
            #expect(Set(test.handler.events.map { $0["x-ms-client-request-id"] }).count == 1)
        }
    }

    @Test func `A hub without handlers, and an event that no handler wants, fail`() async throws {
        try await HandlerNode.with(events: Self.none) { test in
            let other = try await PubSubClient.member(test.node, "other")
            try await other.send([PubSubClient.event("e", "x", 1)], [PubSubClient.failed(1)])
            #expect(test.handler.events.isEmpty)
        }
    }
}
