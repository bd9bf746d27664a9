import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// `disconnected` for resumable connections.
@Suite(.timeLimit(.minutes(5)))
struct EndTellerTests {
    @Test func `The end of each connection is told once, by one of the nodes, with the last state`() async throws {
        try await HandlerCluster.with(3) {
            $0.event == "set" ? .init(204, [("ce-connectionState", $0.text)]) : .init()
        } _: { cluster in
            var clients: [ReliableClient] = []
            for number in 0..<30 {
                let client = try await ReliableClient.connect(cluster.nodes[number % 3], ["sub": "ann"])
                try await client.send(PubSubClient.event("set", client.id, 1))
                #expect(try await client.ack(1) == "success")
                clients.append(client)
            }
            for (number, client) in clients.enumerated() {
                switch number % 3 {
                case 0: try await client.close(1000)
                case 1:
                    // Without transport at its end.
                    await client.cut()
                    try await cluster.nodes[0].waits(for: "detached", of: client.id)
                    fallthrough
                default:
                    try await PubSubCaller(node: cluster.nodes[0]).expect(204, "DELETE", "/connections/\(client.id)?reason=bye")
                }
            }
            #expect(await eventually { cluster.events("disconnected").count >= 30 })
            try await cluster.waitsUntilToldOfEnds()
            let events = cluster.events("disconnected")
            #expect(events.count == 30)
            for (number, client) in clients.enumerated() {
                let event = try #require(events.first { $0["ce-connectionId"] == client.id })
                let reason = number % 3 == 0 ? "" : "Application server closed the connection. Reason: bye"
                #expect(event.text == #"{"reason":"\#(reason)"}"#)
                #expect(event["ce-connectionState"] == client.id && event["ce-userId"] == "ann")
                #expect(event["ce-id"] == "9223372036854775807" && event["ce-subprotocol"] == ReliableClient.json)
            }
        }
    }

    @Test func `A lost transport is no end, and neither is another close code`() async throws {
        try await HandlerCluster.with(2) { cluster in
            let client = try await ReliableClient.connect(cluster.nodes[0])
            await client.cut()
            try await cluster.nodes[1].waits(for: "detached", of: client.id)
            try await client.resume(on: cluster.nodes[1])
            try await client.close(1001)
            try await cluster.nodes[1].waits(for: "detached", of: client.id)
            try await client.resume(on: cluster.nodes[0])
            try await client.ping()
            #expect(try await cluster.bus.sessions.ended(in: "chat", limit: 1).isEmpty)
            #expect(cluster.events("disconnected").isEmpty)
            try await client.close(1000)
            #expect(await cluster.handler.event("disconnected") != nil)
            try await cluster.waitsUntilToldOfEnds()
            #expect(cluster.events("disconnected").count == 1 && cluster.events("connected").count == 1)
        }
    }

    @Test func `A handler that refuses is not told again`() async throws {
        try await HandlerCluster.with(1) {
            $0.event == "disconnected" ? .init(400) : .init()
        } _: { cluster in
            try await ReliableClient.connect(cluster.nodes[0]).close(1000)
            #expect(await cluster.handler.event("disconnected") != nil)
            try await cluster.waitsUntilToldOfEnds()
            #expect(cluster.events("disconnected").count == 1)
        }
    }

    @Test func `Connections of a dead node are told of after their window, those that were never open are not`() async throws {
        try await HandlerCluster.with(2) { cluster in
            let dead = HubSessions(
                hub: "chat",
                node: .random(),
                service: SessionService(cluster.bus.sessions),
                loop: MultiThreadedEventLoopGroup.singleton.next(),
                host: NoHost(),
                isLive: { _ in true },
                graceMilliseconds: 1000,
                now: UTCClock.now
            )
            func attach() async throws -> SessionHandle {
                let attachment = SessionAttachment(
                    connection: ConnectionID.random(on: .random()),
                    user: AudienceName("ann"),
                    protocol: ReliableClient.json,
                    tokenHash: ReconnectionToken().digest,
                    window: .milliseconds(100),
                    announcesEnd: true,
                    state: ByteBuffer(string: "s")
                )
                return try #require(await dead.attach(attachment, client: NoClient()))
            }
            let (lost, unopened) = (try await attach(), try await attach())
            dead.lost(unopened, .removes(reason: EndedSession.neverOpened))
            #expect(try await eventually { try await cluster.nodes[0].listed("\(unopened.id)") == nil })
            dead.stop()
            // Opens the hub on a living node.
            _ = try await ReliableClient.connect(cluster.nodes[0])
            let event = try #require(await cluster.handler.event("disconnected"))
            try await cluster.waitsUntilToldOfEnds()
            #expect(cluster.events("disconnected").count == 1)
            #expect(event["ce-connectionId"] == "\(lost.id)" && event["ce-connectionState"] == "s" && event["ce-userId"] == "ann")
            #expect(event.text == #"{"reason":"The connection recovery timeout expired."}"#)
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
