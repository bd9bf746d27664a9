import Foundation
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// A client resumes its connection, on any node.
@Suite(.timeLimit(.minutes(5)))
struct ResumeTests {
    private static var member: [String: Any] { ["sub": "ann", "webpubsub.group": ["g"]] }

    @Test(arguments: [0, 1]) func `After a cut a client goes on, on any node: nothing is lost, and nothing comes twice`(
        node: Int
    ) async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let api = PubSubCaller(node: nodes[1])
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            for number in 1...5 { try await api.expect(202, "POST", "/groups/g/:send", body: "\(number)") }
            _ = try await client.texts(3)
            try await client.acknowledge()
            await client.cut()
            try await nodes[1].waits(for: "detached", of: client.id)
            try await api.expect(202, "POST", "/groups/g/:send", body: "6")
            try await api.expect(202, "POST", "/users/ann/:send", body: "7")
            try await api.expect(202, "POST", "/connections/\(client.id)/:send", body: "8")
            try await client.resume(on: nodes[node])
            try await api.expect(202, "POST", "/:send", body: "9")
            #expect(try await client.texts(9) == (1...9).map { "\($0)" })
            try await client.ping()
            #expect(await client.has(9))
            let listed = try await nodes[0].listed(client.id)
            #expect(listed?["state"] as? String == "attached" && listed?["node"] as? String == "node-\(node + 1)")
        }
    }

    @Test func `What was acknowledged is not sent again`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let api = PubSubCaller(node: nodes[0])
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            for number in 1...5 { try await api.expect(202, "POST", "/groups/g/:send", body: "\(number)") }
            _ = try await client.texts(5)
            try await client.acknowledge()
            try await client.ping()
            await client.cut()
            try await nodes[0].waits(for: "detached", of: client.id)
            let socket = try await ReliableClient.transport(nodes[1], hub: "chat", id: client.id, token: client.token)
            try await api.expect(202, "POST", "/groups/g/:send", body: "6")
            guard case .text(let first) = try await socket.next() else {
                Issue.record("a binary message")
                return
            }
            let message = try JSONSerialization.jsonObject(with: Data(first.utf8)) as? [String: Any]
            #expect(message?["sequenceId"] as? Int == 6 && message?["data"] as? String == "6", "\(first)")
        }
    }

    @Test func `A client that resumes while its former transport is open cuts it off`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            for node in [nodes[1], nodes[0], nodes[0]] {
                let client = try await ReliableClient.connect(nodes[0], Self.member)
                let former = try await ReliableClient.transport(node, hub: "chat", id: client.id, token: client.token)
                #expect(await eventually { await client.isEnded })
                #expect(await client.closed() == nil)
                try await client.resume(on: nodes[0])
                #expect(await eventually { former.isEnded })
                try await client.sendToGroup("g", "x", ackID: 1)
                #expect(try await client.ack(1) == "success")
                #expect(try await client.texts(1) == ["x"])
            }
        }
    }

    @Test func `Of two claims at once one wins, and the client goes on with it`() async throws {
        try await APITestNode.withPubSub(3) { nodes in
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            try await PubSubCaller(node: nodes[0]).expect(202, "POST", "/groups/g/:send", body: "1")
            await client.cut()
            async let one = ReliableClient.transport(nodes[1], hub: "chat", id: client.id, token: client.token)
            async let other = ReliableClient.transport(nodes[2], hub: "chat", id: client.id, token: client.token)
            let sockets = try await [one, other]
            let ended = NIOLockedValueBox<Set<Int>>([])
            for (index, socket) in sockets.enumerated() {
                Task {
                    await socket.waitForEnd()
                    ended.withLockedValue { _ = $0.insert(index) }
                }
            }
            #expect(await eventually { ended.withLockedValue { $0.count } == 1 })
            let open = sockets[ended.withLockedValue { $0.contains(0) } ? 1 : 0]
            #expect(sockets.allSatisfy { $0.closeCode == nil })
            try await open.send(#"{"type":"ping"}"#)
            while try await open.next() != .text(#"{"type":"pong"}"#) {}
        }
    }

    @Test func `Groups change while a client is away, and count from their place in the order`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let api = PubSubCaller(node: nodes[1])
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            await client.cut()
            try await nodes[1].waits(for: "detached", of: client.id)
            func send(_ group: String, _ text: String) async throws {
                try await api.expect(202, "POST", "/groups/\(group)/:send", body: text)
            }
            try await send("h", "too early")
            try await api.expect(200, "PUT", "/groups/h/connections/\(client.id)")
            try await send("h", "1")
            try await send("g", "2")
            try await api.expect(204, "DELETE", "/groups/g/connections/\(client.id)")
            try await send("g", "too late")
            try await api.expect(200, "PUT", "/users/ann/groups/u")
            try await send("u", "3")
            try await api.expect(204, "DELETE", "/groups/h/connections/\(client.id)")
            try await api.expect(
                202,
                "POST",
                "/:send?filter=not('u'%20in%20groups)",
                body: "not a member of u"
            )
            try await api.expect(202, "POST", "/:send?filter='u'%20in%20groups", body: "4")
            #expect((try await nodes[0].listed(client.id)?["groups"] as? [String]) == ["u"])
            try await client.resume(on: nodes[1])
            try await send("u", "5")
            try await send("h", "left")
            #expect(try await client.texts(5) == ["1", "2", "3", "4", "5"])
            try await client.join("h", ackID: 1)
            try await send("h", "6")
            #expect(try await client.texts(6).last == "6")
            #expect(await client.violations.isEmpty)
        }
    }

    @Test func `A message whose ack is lost is a Duplicate at the next node`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            try await client.sendToGroup("g", "once", ackID: 1)
            _ = try await client.texts(1)
            await client.cut()
            try await client.resume(on: nodes[1])
            try await client.sendToGroup("g", "once", ackID: 1)
            #expect(try await client.ack(1) == "Duplicate")
            try await client.sendToGroup("g", "new", ackID: 2)
            #expect(try await client.ack(2) == "success")
            #expect(try await client.texts(2) == ["once", "new"])
        }
    }

    @Test func `What a client sent before its transport was lost counts`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let listener = try await ReliableClient.connect(nodes[1], Self.member)
            let client = try await ReliableClient.connect(nodes[0])
            for number in 1...50 { try await client.sendToGroup("g", "\(number)") }
            try await client.close(3001)
            #expect(try await listener.texts(50) == (1...50).map { "\($0)" })
            try await nodes[0].waits(for: "detached", of: client.id)
        }
    }

    @Test func `User, permissions and time of the connection stay`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let api = PubSubCaller(node: nodes[0])
            let client = try await ReliableClient.connect(nodes[0], ["sub": "ann", "role": ["webpubsub.sendToGroups.r?om*"]])
            let before = try #require(try await nodes[1].listed(client.id))
            #expect((before["connectedAt"] as? String)?.hasPrefix("20") == true)
            try await api.expect(200, "PUT", "/permissions/joinLeaveGroup/connections/\(client.id)?targetName=g")
            await client.cut()
            try await nodes[1].waits(for: "detached", of: client.id)
            try await api.expect(200, "PUT", "/permissions/sendToGroup/connections/\(client.id)?targetName=g")
            try await client.resume(on: nodes[1])
            try await client.join("g", ackID: 1)
            try await client.sendToGroup("g", "1", ackID: 2)
            #expect(try await client.ack(2) == "success")
            try await client.sendToGroup("room1", "x", ackID: 3)
            #expect(try await client.ack(3) == "success")
            try await client.sendToGroup("other", "x", ackID: 4)
            #expect(try await client.ack(4) == "Forbidden")
            let after = try #require(try await nodes[0].listed(client.id))
            #expect(after["user"] as? String == "ann" && after["connectedAt"] as? String == before["connectedAt"] as? String)
            #expect(after["protocol"] as? String == ReliableClient.json)
        }
    }

    // MARK: - Refusals

    @Test func `A refused attempt gets 1008 and does not harm the connection that it names`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            let unknown = String(client.id.reversed())
            for (hub, id, token) in [
                ("chat", client.id, "x"), ("chat", client.id, ""), ("other", client.id, client.token),
                ("chat", unknown, client.token), ("chat", "x", client.token),
            ] {
                let socket = try await ReliableClient.transport(nodes[1], hub: hub, id: id, token: token)
                #expect(await socket.closed() == 1008)
                #expect(socket.closeReason == PubSubCloseText.cannotRecover)
            }
            try await client.sendToGroup("g", "x", ackID: 1)
            #expect(try await client.ack(1) == "success")
        }
    }

    @Test func `A client that closes with 1000 is gone, and one that closes otherwise is not`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            for (code, isGone) in [(UInt16(1000), true), (1001, false), (4000, false)] {
                let client = try await ReliableClient.connect(nodes[0], Self.member)
                try await client.close(code)
                if isGone {
                    #expect(try await eventually { try await nodes[0].listed(client.id) == nil })
                } else {
                    try await nodes[0].waits(for: "detached", of: client.id)
                }
                try await client.resume(on: nodes[1])
                if isGone { #expect(await client.closed() == 1008) } else { try await client.ping() }
            }
        }
    }

    @Test func `A violation of the protocol removes the connection`() async throws {
        try await APITestNode.withPubSub(1) { nodes in
            let client = try await ReliableClient.connect(nodes[0])
            try await client.send("x")
            #expect(await client.closed() == 1007)
            #expect(try await eventually { try await nodes[0].listed(client.id) == nil })
            try await client.resume(on: nodes[0])
            #expect(await client.closed() == 1008)
        }
    }

    @Test(arguments: [true, false]) func `REST closes a connection, attached or detached`(isAttached: Bool) async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let api = PubSubCaller(node: nodes[1])
            let client = try await ReliableClient.connect(nodes[0])
            try await api.expect(200, "HEAD", "/connections/\(client.id)")
            if !isAttached {
                await client.cut()
                try await nodes[1].waits(for: "detached", of: client.id)
                try await api.expect(200, "HEAD", "/connections/\(client.id)")
            }
            try await api.expect(204, "DELETE", "/connections/\(client.id)?reason=spam")
            #expect(try await api.call("HEAD", "/connections/\(client.id)").status == 404)
            if isAttached {
                #expect(await client.closed() == 1000)
                await client.readToEnd()
                #expect(await client.farewells == ["Application server closed the connection. Reason: spam"])
            }
            try await client.resume(on: nodes[0])
            #expect(await client.closed() == 1008)
        }
    }

    @Test func `After its window a connection is removed by any node`() async throws {
        let time = NIOLockedValueBox<Int64>(UTCClock.now())
        try await APITestNode.withPubSub(2, bus: MemoryBus { time.withLockedValue { $0 } }) { nodes in
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            await client.cut()
            try await nodes[1].waits(for: "detached", of: client.id)
            time.withLockedValue { $0 += 59_000 }
            try await client.resume(on: nodes[1])
            try await client.ping()
            await client.cut()
            try await nodes[1].waits(for: "detached", of: client.id)
            time.withLockedValue { $0 += 61_000 }
            #expect(try await eventually { try await nodes[0].listed(client.id) == nil })
            try await client.resume(on: nodes[0])
            #expect(await client.closed() == 1008)
        }
    }

    @Test
    func `The time of a message is over as for other clients, with a tolerance for clocks, and leaves a gap in the numbers`()
        async throws
    {
        let bus = MemoryBus()
        try await APITestNode.withPubSub(1, bus: bus) { nodes in
            let client = try await ReliableClient.connect(nodes[0], Self.member)
            // Of nodes whose clocks are behind.
            for (text, seconds) in [("1", 0), ("2", 3), ("3", 9)] {
                try await Self.publish(text, secondsToLive: 1, secondsBehind: seconds, on: bus)
            }
            #expect(try await client.texts(3) == ["1", "2", "3"])
            try await client.acknowledge()
            try await client.ping()
            await client.cut()
            try await nodes[0].waits(for: "detached", of: client.id)
            try await Self.publish("4", secondsToLive: 1, secondsBehind: 12, on: bus)
            try await Self.publish("5", secondsToLive: 1, secondsBehind: 0, on: bus)
            let socket = try await ReliableClient.transport(nodes[0], hub: "chat", id: client.id, token: client.token)
            guard case .text(let first) = try await socket.next() else {
                Issue.record("a binary message")
                return
            }
            let message = try JSONSerialization.jsonObject(with: Data(first.utf8)) as? [String: Any]
            #expect(message?["sequenceId"] as? Int == 5 && message?["data"] as? String == "5", "\(first)")
        }
    }

    /// Publishes to group `g`, as a node whose clock is behind.
    private static func publish(_ text: String, secondsToLive: UInt16, secondsBehind: Int, on bus: MemoryBus) async throws {
        let node = NodeID.random()
        let publication = Publication(
            id: .random(on: node),
            kind: .serverBroadcast,
            hub: "chat",
            audience: .group(AudienceName("g")!),
            timestamp: UTCClock.now() - Int64(secondsBehind) * 1000,
            details: PublicationDetails(secondsToLive: secondsToLive),
            payload: ByteBuffer(string: text)
        )
        let operation = SequencedOperation(
            .publish(HubPublication(publication), from: nil),
            as: OperationSequence(number: 1, previous: 0)
        )
        let answers = try await bus.sessions.execute([operation], from: SessionCaller(hub: "chat", node: node, seen: nil))
        #expect(answers.map(\.answer) == [.executed])
    }
}
