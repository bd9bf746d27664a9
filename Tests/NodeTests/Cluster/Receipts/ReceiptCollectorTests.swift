import NIOCore
import NIOEmbedded
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Waiting for receipts.
@Suite
struct ReceiptCollectorTests {
    private let node = NodeID(rawValue: 1)
    private let other = NodeID(rawValue: 2)

    private func collector(live: [NodeID] = []) -> ReceiptCollector {
        let records = ([self.node] + live).map {
            NodeRecord(id: $0, name: "\($0)", version: "1", startedAt: 0, leaseMilliseconds: 5000)
        }
        let directory = NodeDirectory(own: records[0])
        directory.update(records.map { NodeStatus(record: $0, connections: 0, leaseAge: .zero, expired: false) })
        return ReceiptCollector(eventLoop: MultiThreadedEventLoopGroup.singleton.any(), directory: directory)
    }

    private func receipt(_ id: PublicationID, _ connections: UInt32) -> [Receipt] { [Receipt(id: id, connections: connections)] }

    @Test func `A node that does not answer is waited for until the time is up`() async throws {
        let collector = self.collector(live: [self.other])
        let id = PublicationID.random(on: self.node)
        let clock = ContinuousClock()
        let start = clock.now
        let answer = try await collector.collect(id, expectsAll: true, timeout: .milliseconds(200)) { completion in
            completion(.success(.relayed(receivers: 2)))
            collector.received(self.receipt(id, 3), from: self.node)
        }
        #expect(answer.receipts == [self.node: 3])
        #expect(answer.outcome == .relayed(receivers: 2))
        #expect(clock.now - start >= .milliseconds(190))
    }

    @Test func `A receiver that nobody knows is waited for a little, not until the time is up`() async throws {
        let collector = self.collector()
        let id = PublicationID.random(on: self.node)
        let clock = ContinuousClock()
        let start = clock.now
        let answer = try await collector.collect(id, expectsAll: true, timeout: .seconds(600)) { completion in
            completion(.success(.relayed(receivers: 2)))
            collector.received(self.receipt(id, 3), from: self.node)
        }
        #expect(answer.receipts == [self.node: 3])
        #expect(clock.now - start < .seconds(90))
        #expect(clock.now - start >= .milliseconds(90))
    }

    @Test func `A node that goes ends all waits, and begins none that last`() async throws {
        let collector = self.collector(live: [self.other])
        let clock = ContinuousClock()
        let start = clock.now
        for endsBefore in [false, true] {
            let id = PublicationID.random(on: self.node)
            let answer = try await collector.collect(id, expectsAll: true, timeout: .seconds(600)) { completion in
                completion(.success(.relayed(receivers: 2)))
                collector.received(self.receipt(id, 3), from: self.node)
                if !endsBefore { collector.finishAll() }
            }
            #expect(answer.receipts == [self.node: 3])
            #expect(answer.outcome == .relayed(receivers: 2))
        }
        #expect(clock.now - start < .seconds(90))
    }

    @Test func `What the broker refuses is thrown at once`() async {
        let collector = self.collector(live: [self.other])
        await #expect(throws: BrokerError.outboxFull) {
            try await collector.collect(.random(on: self.node), expectsAll: true, timeout: .seconds(60)) {
                $0(.failure(.outboxFull))
            }
        }
    }

    @Test func `A broker that says nothing is waited for until the time is up, and counts as degraded`() async throws {
        let collector = self.collector()
        let answer = try await collector.collect(.random(on: self.node), expectsAll: true, timeout: .milliseconds(20)) { _ in }
        #expect(answer.outcome == .degraded(here: true))
        #expect(answer.receipts.isEmpty)
    }

    @Test func `Receipts of one wait do not count for another, and late ones for none`() async throws {
        let collector = self.collector()
        let (first, second) = (PublicationID.random(on: self.node), PublicationID.random(on: self.node))
        let answer = try await collector.collect(first, expectsAll: true, timeout: .seconds(10)) { completion in
            completion(.success(.relayed(receivers: 1)))
            collector.received(self.receipt(second, 9), from: self.node)
            collector.received(self.receipt(first, 1), from: self.node)
            collector.received(self.receipt(first, 2), from: self.node)
        }
        #expect(answer.receipts == [self.node: 1])
    }

    @Test func `Many waits at once each get their own`() async throws {
        let collector = self.collector()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let id = PublicationID.random(on: self.node)
                    let answer = try await collector.collect(id, expectsAll: true, timeout: .seconds(30)) { completion in
                        MultiThreadedEventLoopGroup.singleton.any().execute {
                            collector.received(self.receipt(id, UInt32(number)), from: self.node)
                        }
                        MultiThreadedEventLoopGroup.singleton.any().execute { completion(.success(.relayed(receivers: 1))) }
                    }
                    #expect(answer.receipts == [self.node: UInt32(number)])
                }
            }
            try await group.waitForAll()
        }
    }
}
