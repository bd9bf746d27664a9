import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// One node's keeper on a clock of the test's, with a second node beside it for the asking.
final class PresenceHarness: Sendable {
    static let lease = Duration.seconds(5)

    let clock = ManualClock()
    /// Of the day.
    let time = NIOLockedValueBox<Int64>(0)
    let shared: MemoryPresence
    let store: FlakyStore
    let broker = RecordingBroker()
    let record: NodeRecord
    let directory: NodeDirectory
    let keeper: PresenceReporter<ManualClock>
    /// Those that answer when they are asked whether they live.
    let living = NIOLockedValueBox<Set<NodeID>>([])
    /// How often one has been asked.
    let probes = NIOLockedValueBox(0)
    /// How often it has been told that its name is another's.
    let refusals = NIOLockedValueBox(0)
    private let loops: Loops

    /// - Parameter isNamed: whether its name was given to it.
    init(_ loops: Loops, isNamed: Bool = true, awaitsSubscription: Bool = false) {
        self.loops = loops
        self.shared = MemoryPresence(clock: self.clock)
        self.store = FlakyStore(shared: self.shared)
        self.record = Self.record(loops.manager.node, "own")
        self.directory = NodeDirectory(own: self.record)
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let publisher = Publisher(
            node: self.record.id,
            broker: self.broker,
            receipts: ReceiptCollector(eventLoop: loop, directory: self.directory),
            now: { 0 }
        )
        self.keeper = PresenceReporter(
            record: self.record,
            store: self.store,
            connections: loops.manager,
            directory: self.directory,
            announcer: Announcer(limit: 1000, publisher: publisher, eventLoop: loop),
            metrics: NodeMetrics(),
            logger: .quiet,
            clock: self.clock,
            name: NodeName("own", isGiven: isNamed),
            isAlive: { [living, probes] id in
                probes.withLockedValue { $0 += 1 }
                return living.withLockedValue { $0.contains(id) }
            },
            refused: { [refusals] _ in refusals.withLockedValue { $0 += 1 } },
            awaitsSubscription: awaitsSubscription,
            now: { [time] in time.withLockedValue { $0 } }
        )
    }

    static func record(_ id: NodeID, _ name: String) -> NodeRecord {
        NodeRecord(id: id, name: name, version: "1", startedAt: 0, leaseMilliseconds: 5000)
    }

    /// Another node's view of the same store.
    var outside: MemoryPresenceStore { MemoryPresenceStore(shared: self.shared) }

    /// As the list for everyone has it; nil when there is none.
    var missing: [String]? {
        get async { try? await self.outside.connections(ConnectionQuery(limit: 1)).missing }
    }

    var listed: Set<ConnectionID> {
        get async {
            let page = try? await self.outside.connections(ConnectionQuery(limit: 1000))
            return Set((page?.connections ?? []).map(\.record.id))
        }
    }

    func connect(_ count: Int) async throws -> [ConnectionID] {
        let ids = try await self.loops.connect(count)
        for id in ids {
            guard let record = await self.loops.manager.record(id) else { continue }
            self.keeper.opened(record)
        }
        return ids
    }

    func disconnect(_ id: ConnectionID) async {
        await self.loops.client(of: id)?.close()
        _ = await eventually { await self.loops.manager.record(id) == nil }
        self.keeper.closed(id, in: .default)
    }

    /// Lets a beat pass, and what comes of it.
    func beat() async {
        let before = self.store.calls
        // The beat is at most 1.1 s away, and heeded from 0.9 s after the last.
        _ = await self.clock.advance(by: .milliseconds(1100)) {
            let calls = self.store.calls
            return calls.renew + calls.register > before.renew + before.register
        }
    }
}
