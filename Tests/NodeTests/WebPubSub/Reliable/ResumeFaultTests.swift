import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Nodes drain, freeze and die, and clients resume their connections elsewhere.
@Suite(.timeLimit(.minutes(5)))
struct ResumeFaultTests {
    @Test func `A planned drain moves clients to another node without loss`() async throws {
        try await APITestNode.withPubSub(3, [.drainDelay: "0s"]) { nodes in
            var clients: [ReliableClient] = []
            for _ in 1...20 { clients.append(try await ReliableClient.connect(nodes[0], ["webpubsub.group": ["g"]])) }
            let count = 200
            async let publishing: Void = {
                for number in 1...count {
                    try await PubSubCaller(node: nodes[1 + number % 2]).expect(202, "POST", "/groups/g/:send", body: "\(number)")
                }
            }()
            _ = try await clients[0].texts(20)
            async let stopped: Void = nodes[0].stop()
            for (index, client) in clients.enumerated() {
                await client.readToEnd()
                #expect(await client.closed() == 1012)
                try await client.resumeWhenPossible(on: nodes[1 + index % 2])
            }
            try await stopped
            try await publishing
            for client in clients {
                #expect(try await client.texts(count) == (1...count).map { "\($0)" })
                #expect(await client.violations.isEmpty)
            }
        }
    }

    @Test func `Clients that are cut again and again get everything once, in order`() async throws {
        try await APITestNode.withPubSub(3) { nodes in
            let count = 400
            var clients: [ReliableClient] = []
            for index in 0..<6 {
                clients.append(try await ReliableClient.connect(nodes[index % 3], ["webpubsub.group": ["g"]]))
            }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    for number in 1...count {
                        try await PubSubCaller(node: nodes[number % 3]).expect(202, "POST", "/groups/g/:send", body: "\(number)")
                    }
                }
                for (index, client) in clients.enumerated() {
                    tasks.addTask {
                        var turn = index
                        while await client.received.count < count {
                            // About every tenth message the transport is cut, without an acknowledgement every other time.
                            let next = min(await client.received.count + 7 + turn % 7, count)
                            _ = try await client.texts(next)
                            if turn % 2 == 0 { try await client.acknowledge() }
                            await client.cut()
                            turn += 1
                            try await client.resumeWhenPossible(on: nodes[turn % 3])
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            let orders = await withTaskGroup(of: [String].self) { tasks in
                for client in clients { tasks.addTask { await client.received } }
                return await tasks.reduce(into: [[String]]()) { $0.append($1) }
            }
            #expect(orders.allSatisfy { $0 == (1...count).map { "\($0)" } })
            for client in clients { #expect(await client.violations.isEmpty) }
        }
    }

    @Test func `A frozen node that wakes does nothing more for a client that has resumed elsewhere`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let listener = try await ReliableClient.connect(nodes[1], ["webpubsub.group": ["g"]])
            let client = try await ReliableClient.connect(nodes[0], ["webpubsub.group": ["g"]])
            try await client.sendToGroup("g", "1", ackID: 1)
            #expect(try await client.ack(1) == "success")
            let thaw = DispatchSemaphore(value: 0)
            let loops = Array(nodes[0].server.group.makeIterator())
            for loop in loops { loop.execute { thaw.wait() } }
            // The frozen node has this in its socket.
            try await client.sendToGroup("g", "of the past")
            try await client.resume(on: nodes[1])
            try await client.sendToGroup("g", "2", ackID: 2)
            #expect(try await client.ack(2) == "success")
            for _ in loops { thaw.signal() }
            try await client.sendToGroup("g", "3", ackID: 3)
            #expect(try await client.ack(3) == "success")
            try await nodes[1].waits(for: "attached", of: client.id)
            #expect(try await listener.texts(3) == ["1", "2", "3"])
            #expect(try await client.texts(3) == ["1", "2", "3"])
            #expect(try await nodes[0].listed(client.id)?["node"] as? String == "node-2")
        }
    }

    @Test func `The sessions of a dead node are taken, and resume`() async throws {
        let bus = MemoryBus()
        let group = MultiThreadedEventLoopGroup.singleton
        let dead = HubSessions(
            hub: "chat",
            node: .random(),
            service: SessionService(bus.sessions),
            loop: group.next(),
            host: NoHost(),
            isLive: { _ in true },
            graceMilliseconds: 1000,
            now: UTCClock.now
        )
        let (id, token) = (ConnectionID.random(on: .random()), ReconnectionToken())
        let attachment = SessionAttachment(
            connection: id,
            protocol: ReliableClient.json,
            tokenHash: token.digest,
            window: .seconds(60),
            groups: [try #require(AudienceName("g"))]
        )
        let handle = await dead.attach(attachment, client: NoClient())
        #expect(handle != nil)
        dead.stop()
        try await APITestNode.withPubSub(1, bus: bus) { nodes in
            let client = try await ReliableClient.connect(nodes[0])
            #expect(try await nodes[0].listed("\(id)")?["state"] as? String == "attached")
            try await client.sendToGroup("g", "1", ackID: 1)
            #expect(try await client.ack(1) == "success")
            try await nodes[0].waits(for: "detached", of: "\(id)")
            let socket = try await ReliableClient.transport(nodes[0], hub: "chat", id: "\(id)", token: token.text)
            guard case .text(let text) = try await socket.next() else {
                Issue.record("a binary message")
                return
            }
            #expect(text.contains(#""data":"1""#) && text.hasSuffix(" 1}"), "\(text)")
        }
    }

    private struct NoHost: SessionHost {
        func deliver(_ deliveries: [SessionDelivery]) {}
        func delivered(_ id: PublicationID, to count: UInt32) {}
        func sessionFailed(_ failure: SessionFailure) {}
        func operationsLost(_ count: UInt64) {}
    }

    private final class NoClient: SessionClient {
        func permissionsChanged(_ permissions: Set<UTF8Text>) {}
        func ended(_ ending: SessionEnding) {}
    }
}
