import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryBackplane

@testable import VolaryNode

/// Events of clients with resumable connections.
@Suite(.timeLimit(.minutes(5)))
struct ResumableEventTests {
    private static let text = [("Content-Type", "text/plain")]

    @Test func `Events, groups and messages of a client take effect in the order in which it sent them`() async throws {
        let caller = NIOLockedValueBox<PubSubCaller?>(nil)
        let members = NIOLockedValueBox<[Int]>([])
        try await HandlerCluster.with(2) { request in
            guard request.event == "e" else { return .init() }
            let path = "/groups/g\(request.text)"
            let answer = try? await caller.withLockedValue { $0 }?.call("HEAD", path)
            members.withLockedValue { $0.append(answer?.status ?? 0) }
            return .init(200, Self.text, "answer \(request.text)")
        } _: { cluster in
            caller.withLockedValue { $0 = PubSubCaller(node: cluster.nodes[1]) }
            let client = try await ReliableClient.connect(cluster.nodes[0])
            var expected: [String] = []
            for number in 1...20 {
                try await client.send(#"{"type":"joinGroup","group":"g\#(number)","ackId":\#(3 * number)}"#)
                try await client.send(PubSubClient.event("e", "\(number)", 3 * number + 1))
                try await client.sendToGroup("g\(number)", "message \(number)", ackID: 3 * number + 2)
                expected += ["answer \(number)", "message \(number)"]
            }
            for number in 3...62 { #expect(try await client.ack(number) == "success") }
            #expect(try await client.texts(40) == expected)
            #expect(members.withLockedValue { $0 } == Array(repeating: 200, count: 20))
            #expect(cluster.events("e").map { $0["ce-id"] } == (2...21).map { "\($0)" })
            #expect(await client.violations.isEmpty)
        }
    }

    @Test func `The connect handler's choice, the state and the order of event numbers survive resumes`() async throws {
        try await HandlerCluster.with(2) { request in
            switch request.event {
            case "connect":
                .init(200, [("ce-connectionState", "s0"), ("Set-Cookie", "c=1")], #"{"userId":"bob","groups":["g"]}"#)
            case "set": .init(204, [("ce-connectionState", request.text)])
            default: .init()
            }
        } _: { cluster in
            let client = try await ReliableClient.connect(cluster.nodes[0], ["sub": "ann"])
            try await PubSubCaller(node: cluster.nodes[1]).expect(202, "POST", "/groups/g/:send", body: "1")
            #expect(try await client.texts(1) == ["1"])
            #expect(cluster.events("connect").map { $0["ce-connectionId"] } == [client.id])
            var number = 0
            func send(_ name: String, _ data: String = "") async throws {
                number += 1
                try await client.send(PubSubClient.event(name, data, number))
                #expect(try await client.ack(number) == "success")
            }
            try await send("keep")
            for turn in 1...4 {
                await client.cut()
                try await client.resumeWhenPossible(on: cluster.nodes[turn % 2])
                try await send("keep")
                try await send("set", turn == 3 ? "" : "s\(turn)")
                try await send("keep")
            }
            let events = cluster.events("keep")
            #expect(events.map { $0["ce-connectionState"] } == ["s0", "s0", "s1", "s1", "s2", "s2", nil, nil, "s4"])
            #expect(events.allSatisfy { $0["ce-userId"] == "bob" && $0["ce-subprotocol"] == ReliableClient.json })
            // Cookies stay on the transport.
            #expect(events.map { $0["cookie"] } == ["c=1"] + Array(repeating: nil, count: 8))
            let ids = cluster.handler.events.filter { $0["ce-type"]?.contains(".user.") == true }.compactMap {
                Int($0["ce-id"] ?? "")
            }
            #expect(ids.count == 13 && ids.first == 2 && zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }, "\(ids)")
            #expect(cluster.events("connect").count == 1)
            #expect(cluster.events("connected").map { $0["ce-connectionState"] } == ["s0"])
        }
    }

    @Test(arguments: [
        HandlerServer.Answer(), .init(204, [("ce-connectionState", "s")]), .init(200, [("Content-Type", "text/plain")], "hi"),
        .init(200, [("Content-Type", "text/plain"), ("ce-connectionState", "s")], "hi"),
    ])
    func `An answered event that is repeated after a resume is a duplicate, and the handler is not asked again`(
        answer: HandlerServer.Answer
    ) async throws {
        try await HandlerCluster.with(2) {
            $0.event == "e" ? answer : .init()
        } _: { cluster in
            for node in 0...1 {
                let client = try await ReliableClient.connect(cluster.nodes[0])
                try await client.send(PubSubClient.event("e", "x", 7))
                #expect(try await client.ack(7) == "success")
                await client.cut()
                try await client.resumeWhenPossible(on: cluster.nodes[node])
                try await client.send(PubSubClient.event("e", "x", 7))
                #expect(try await client.ack(7) == "Duplicate")
                #expect(cluster.events("e").count == node + 1)
                #expect(try await client.texts(answer.body.isEmpty ? 0 : 1) == (answer.body.isEmpty ? [] : ["hi"]))
            }
        }
    }

    @Test func `An event that fails may be sent again, also after a resume`() async throws {
        let answers = NIOLockedValueBox([HandlerServer.Answer(400), .init(400), .init()])
        try await HandlerCluster.with(2) { request in
            request.event == "e" ? answers.withLockedValue { $0.removeFirst() } : .init()
        } _: { cluster in
            let client = try await ReliableClient.connect(cluster.nodes[0])
            for expected in ["InternalServerError", "InternalServerError", "success"] {
                try await client.send(PubSubClient.event("e", "x", 1))
                #expect(try await client.ack(1) == expected)
                await client.cut()
                try await client.resumeWhenPossible(on: cluster.nodes[1])
            }
            // A hub without handlers.
            let other = try await ReliableClient.connect(cluster.nodes[0], hub: "other")
            try await other.send(PubSubClient.event("e", "x", 1))
            #expect(try await other.ack(1) == "InternalServerError")
        }
    }

    @Test func `A handler's answer is numbered, and waits for a client that is away`() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        try await HandlerCluster.with(2) { request in
            if request.text == "slow" { for await _ in gate {} }
            return request.event == "e" ? .init(200, Self.text, request.text) : .init()
        } _: { cluster in
            let client = try await ReliableClient.connect(cluster.nodes[0])
            try await client.send(PubSubClient.event("e", "quick", 1))
            #expect(try await client.ack(1) == "success")
            #expect(try await client.texts(1) == ["quick"])
            try await client.send(PubSubClient.event("e", "slow", 2))
            // Read by the node before the cut, it gets its turn.
            try await client.send(PubSubClient.event("e", "behind", 3))
            #expect(await eventually { cluster.events("e").contains { $0.text == "slow" } })
            try await client.ping()
            await client.cut()
            open.finish()
            try await cluster.nodes[1].waits(for: "detached", of: client.id)
            // Nothing is acknowledged: the first answer comes again, under its number.
            let socket = try await ReliableClient.transport(cluster.nodes[0], hub: "chat", id: client.id, token: client.token)
            for (number, text) in ["quick", "slow", "behind"].enumerated() {
                guard case .text(let message) = try await socket.next() else {
                    Issue.record("a binary message")
                    return
                }
                #expect(message.contains(#""from":"server""#) && message.contains(#""data":"\#(text)""#), "\(message)")
                // Padded with spaces.
                #expect(message.filter { $0 != " " }.contains(#""sequenceId":\#(number + 1)}"#), "\(message)")
            }
            try await client.resume(on: cluster.nodes[1])
            for number in 2...3 {
                try await client.send(PubSubClient.event("e", "again", number))
                #expect(try await client.ack(number) == "Duplicate")
            }
            #expect(try await client.texts(3) == ["quick", "slow", "behind"])
            #expect(cluster.events("e").map(\.text) == ["quick", "slow", "behind"])
        }
    }
}
