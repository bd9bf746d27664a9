import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What nodes of another version say to each other, with a node of this one among them.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct UnreadableMessageTests {
    /// An envelope of the next version: its first three bytes are as ever.
    private static func future(_ type: UInt8 = 1, version: UInt8 = 2) -> ByteBuffer {
        ByteBuffer(bytes: [0x56, version, type] + Array(repeating: 0x2A, count: 40))
    }

    // MARK: - One topic

    private func arrival(_ envelope: Envelope?, at offset: UInt64) -> LogArrival {
        LogArrival(position: LogPosition(epoch: 1, offset: offset), envelope: envelope, bytes: 10)
    }

    private func envelope(_ sequence: UInt64) -> Envelope {
        Envelope(origin: NodeID(rawValue: 7), sequence: sequence, message: .receipts([]))
    }

    private func page(_ offset: UInt64, _ entries: [(UInt64, ByteBuffer)] = []) -> LogPage {
        LogPage(head: .init(epoch: 1, offset: offset, start: 0), entries: entries.map { .init(offset: $0, bytes: $1) })
    }

    @Test
    func `Live it keeps its place: what follows is handed on at once, and the log is not asked`() {
        var machine = TopicLogStateMachine(own: NodeID(rawValue: 1))
        var output = TopicLogStateMachine.Output()
        machine.subscribed(session: 1)
        machine.read(self.page(4), into: &output)
        machine.received(self.arrival(nil, at: 5), into: &output)
        machine.received(self.arrival(self.envelope(2), at: 6), into: &output)
        #expect(output.envelopes.map(\.sequence) == [2] && output.lost == 1 && output.gaps == 0)
        #expect(machine.isFollowing && machine.request == nil)
    }

    @Test
    func `Read from the log and heard as well, it is lost once; heard before the log was first looked at, too`() {
        var machine = TopicLogStateMachine(own: NodeID(rawValue: 1))
        var output = TopicLogStateMachine.Output()
        machine.subscribed(session: 1)
        // Published after the subscription and before the look.
        machine.received(self.arrival(nil, at: 4), into: &output)
        machine.read(self.page(5), into: &output)
        machine.received(self.arrival(nil, at: 5), into: &output)
        #expect(output.lost == 2)
        // The next is missing, and the one after it is read with it.
        machine.received(self.arrival(self.envelope(3), at: 8), into: &output)
        machine.read(self.page(8, [(6, self.envelope(1).encoded()), (7, Self.future())]), into: &output)
        #expect(output.envelopes.map(\.sequence) == [1, 3] && output.lost == 3)
        machine.unlinked(into: &output)
        machine.subscribed(session: 2)
        machine.received(self.arrival(nil, at: 10), into: &output)
        machine.read(self.page(10, [(8, self.envelope(3).encoded()), (9, Self.future()), (10, Self.future())]), into: &output)
        #expect(output.lost == 5 && output.gaps == 0 && output.undecodable == 3)
        machine.received(self.arrival(self.envelope(4), at: 11), into: &output)
        #expect(output.envelopes.map(\.sequence) == [1, 3, 4] && machine.isFollowing)
    }

    // MARK: - Brokers on a real Redis

    /// As a node of the next version would, with or without a log.
    private func publish(_ bytes: ByteBuffer, _ topic: Topic, _ cluster: LoggedCluster, logged: Bool = true) async throws {
        if logged {
            try await ScriptedLog.run(on: cluster.server, topic) { log in
                _ = try await log.publish(String(buffer: bytes))
            }
        } else {
            let channel = LogKeys(topic).channel
            #expect(cluster.server.command("SPUBLISH", channel, String(buffer: bytes)) == ":2\r\n")
        }
    }

    @Test
    func `Heard or read from the log after an outage: counted, told of its topic, and what follows comes`() async throws {
        try await LoggedCluster.run(of: 2) { cluster in
            let group = LoggedCluster.topics[1]
            try await self.publish(Self.future(), group, cluster)
            try await self.publish(Self.future(9, version: 1), group, cluster)
            await cluster.publish(["after"], to: group)
            for node in cluster.nodes {
                #expect(await eventually { node.receiver.missed.reduce(0) { $0 + ($1.lost ?? 100) } == 2 })
                #expect(node.receiver.missed.allSatisfy { $0.topic == group } && node.receiver.texts == ["after"])
                #expect(node.broker.health.lost == 2 && node.broker.health.gaps == 0 && node.broker.health.isUp)
            }
            try await cluster.cutOffLast()
            try await self.publish(Self.future(), .all, cluster)
            await cluster.publish(["meanwhile"])
            try await cluster.bringBackLast()
            #expect(await eventually { cluster.last.receiver.missed.last == BrokerGap(topic: .all, lost: 1) })
            #expect(cluster.last.receiver.texts == ["after", "meanwhile"] && cluster.last.broker.health.lost == 3)
        }
    }

    @Test
    func `Without a log as well; receipts, and what is no node's at all, are no loss`() async throws {
        for delivery in BrokerSettings.Delivery.allCases {
            try await LoggedCluster.run(of: 2, settings: .init(delivery: delivery)) { cluster in
                try await self.publish(Self.future(2), .all, cluster, logged: false)
                try await self.publish(ByteBuffer(string: "rubbish"), .all, cluster, logged: false)
                try await self.publish(Self.future(1, version: 1), .all, cluster, logged: false)
                await cluster.publish(["after"])
                for node in cluster.nodes {
                    #expect(await eventually { node.receiver.missed == [BrokerGap(topic: .all, lost: 1)] })
                    #expect(node.receiver.texts == ["after"] && node.broker.health.lost == 1)
                }
            }
        }
    }

    @Test
    func `A stream of it is told once a second`() async throws {
        try await LoggedCluster.run(of: 1) { cluster in
            let start = ContinuousClock.now
            try await ScriptedLog.run(on: cluster.server, .all) { log in
                for _ in 0..<1000 { _ = try await log.publish(String(buffer: Self.future())) }
            }
            #expect(await eventually { cluster.last.receiver.missed.reduce(0) { $0 + ($1.lost ?? 0) } == 1000 })
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            #expect(Double(cluster.last.receiver.missed.count) <= seconds + 2)
        }
    }
}
