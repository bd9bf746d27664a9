import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Changes of a connection's groups.
@Suite
struct SerialCommandQueueTests {
    private let changes = SerialCommandQueue()
    private let done = NIOLockedValueBox<[String]>([])
    private let one = ConnectionID.random(on: NodeID(rawValue: 1))
    private let other = ConnectionID.random(on: NodeID(rawValue: 1))

    private func say(_ text: String) { self.done.withLockedValue { $0.append(text) } }
    private var said: [String] { self.done.withLockedValue { $0 } }

    @Test func `Leaving waits for the joining before it, and nobody else does`() async {
        let subscribed = AsyncStream<Void>.makeStream()
        self.changes.append(of: self.one) {
            for await _ in subscribed.stream { break }
            self.say("joined")
        }
        self.changes.append(of: self.one) { self.say("left") }
        self.changes.append(of: self.other) { self.say("other") }
        #expect(await eventually { self.said == ["other"] })
        #expect(await eventually { self.changes.count == 1 })
        subscribed.continuation.yield()
        #expect(await eventually { self.said == ["other", "joined", "left"] })
        #expect(await eventually { self.changes.count == 0 })
    }

    @Test func `Many keep their order`() async {
        for number in 0..<1000 { self.changes.append(of: self.one) { self.say("\(number)") } }
        #expect(await eventually { self.said == (0..<1000).map(String.init) })
        #expect(await eventually { self.changes.count == 0 })
    }
}
