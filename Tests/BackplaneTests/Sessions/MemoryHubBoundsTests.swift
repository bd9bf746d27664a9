import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What the memory store keeps, and for how long.
struct MemoryHubBoundsTests {
    private let group = AudienceName("g")
    private let caller = SessionCaller(hub: .default, node: NodeID(rawValue: 1), seen: nil)
    private let connection = ConnectionID("0000000000000000000000ff00000001")!

    private func makeHub(_ change: (inout SessionLimits) -> Void) -> MemoryHub {
        var limits = SessionLimits()
        change(&limits)
        var hub = MemoryHub(limits: limits, process: 1)
        hub.now = 1_800_000_000_000
        return hub
    }

    private func attachment(window: Duration = .seconds(60)) -> SessionOperation {
        .attach(SessionAttachment(connection: connection, protocol: "test", tokenHash: [], window: window, groups: [group]))
    }

    /// Executes operations in order.
    private func execute(_ operations: [SessionOperation], in hub: inout MemoryHub, from first: UInt64 = 1) -> [OperationAnswer] {
        operations.enumerated().map { index, operation in
            let number = first + UInt64(index)
            return hub.execute(operation, as: .init(number: number, previous: number - 1), from: caller).answer
        }
    }

    @Test func `A topic is trimmed to its limits, and its start mark rises`() {
        var hub = self.makeHub { $0.topicMessages = 10 }
        let publications = (0..<15).map { SessionOperation.publish(.test("\($0)", to: .all), from: nil) }
        #expect(self.execute(publications, in: &hub).allSatisfy { $0 == .executed })
        let log = hub.topics[.all]
        #expect(log?.entries.count == 10 && log?.start == (log?.entries.first?.number ?? 0) - 1)
        #expect(hub.bytes == hub.topics.values.reduce(0) { $0 + $1.bytes })
    }

    @Test func `A topic with a resumable member keeps a thousand entries of the log's age`() {
        var hub = self.makeHub { $0.topicMessages = 10 }
        let publications = (0..<1100).map { SessionOperation.publish(.test("\($0)", to: .group(group)), from: nil) }
        _ = self.execute([self.attachment()] + publications, in: &hub)
        #expect(hub.topics[.group(group)]?.entries.count == 1000)
        hub.now += 301_000
        _ = self.execute([.publish(.test("", to: .group(group)), from: nil)], in: &hub, from: 1102)
        #expect(hub.topics[.group(group)]?.entries.count == 1)
    }

    @Test func `A hub is bounded: the largest logs lose their oldest entries, then publications are refused`() {
        var hub = self.makeHub { $0.hubBytes = 100_000 }
        let text = String(repeating: "x", count: 5000)
        let publications = (0..<100).map {
            SessionOperation.publish(.test(text, to: $0 % 2 == 0 ? .all : .group(group)), from: nil)
        }
        #expect(self.execute(publications, in: &hub).allSatisfy { $0 == .executed })
        #expect(hub.bytes <= 100_000)
        // A session makes its topics keep what they get from now on.
        _ = self.execute([self.attachment()], in: &hub, from: 101)
        let answers = self.execute(publications, in: &hub, from: 102)
        #expect(answers.last == .refused(.full) && hub.bytes <= 100_000)
    }

    @Test func `Idle topics go as a whole, and a new one starts at the floor`() {
        var hub = self.makeHub { _ in }
        _ = self.execute([.publish(.test("1", to: .group(group)), from: nil)], in: &hub)
        let number = hub.position.number
        hub.now += 311_000
        hub.mark(from: caller)
        #expect(hub.topics[.group(group)] != nil)
        hub.now += 10_000
        hub.mark(from: caller)
        #expect(hub.topics.isEmpty && hub.bytes == 0)
        #expect(hub.start(of: .group(group)) >= number)
    }

    @Test func `A removed session leaves nothing behind`() {
        var hub = self.makeHub { _ in }
        _ = self.execute([self.attachment(), .publish(.test("1", to: .connection(connection)), from: nil)], in: &hub)
        _ = self.execute([.close(connection, reason: "")], in: &hub, from: 3)
        #expect(hub.records.isEmpty && hub.topics[.connection(connection)] == nil)
        #expect(hub.bytes == hub.topics.values.reduce(0) { $0 + $1.bytes })
    }

    @Test func `Epochs rise, and numbers jump, also without the head`() {
        var hub = self.makeHub { _ in }
        _ = self.execute([.publish(.test("1", to: .all), from: nil)], in: &hub)
        let first = hub.position
        hub.process = 2
        hub.mark(from: caller)
        let second = hub.position
        #expect(second > first && second.number >= first.number + 1 << 24)
        #expect(hub.head?.lostAbove(first, rules: .all) == first.number)
        hub.head = nil
        hub.mark(from: SessionCaller(hub: .default, node: NodeID(rawValue: 1), seen: second))
        #expect(hub.position.epoch > second.epoch && hub.position.number >= second.number + 1 << 24)
        #expect(hub.head?.lostAbove(second, rules: .all) == 0)
        #expect(hub.head?.lostAbove(hub.position, rules: .all) == nil)
    }
}
