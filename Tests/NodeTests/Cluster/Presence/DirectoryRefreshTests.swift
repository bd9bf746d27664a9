import Logging
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Who is there, on demand.
@Suite
struct DirectoryRefreshTests {
    private let own = Self.record("own")
    private let other = Self.record("other")

    private static func record(_ name: String) -> NodeRecord {
        NodeRecord(id: .random(), name: name, version: "1", startedAt: 0, leaseMilliseconds: 5000)
    }

    private func run(_ body: (Inventory, MemoryPresenceStore) async throws -> Void) async throws {
        try await Loops.with(1, node: self.own.id) { loops in
            let store = MemoryPresenceStore(shared: MemoryPresence())
            let directory = NodeDirectory(own: self.own)
            try await body(
                Inventory(store: store, connections: loops.manager, directory: directory, logger: .quiet, life: LifecyclePhase()),
                store
            )
        }
    }

    @Test func `A node that is not listed itself yet learns of the others by name`() async throws {
        try await self.run { inventory, store in
            try await store.register(self.other, claiming: .shared)
            #expect(await inventory.refreshDirectory())
            #expect(inventory.directory.name(of: self.other.id) == "other")
            #expect(inventory.directory.expected == [self.own.id, self.other.id])
        }
    }

    @Test func `A store that has lost this node has perhaps lost the others, too, and they are not forgotten`() async throws {
        try await self.run { inventory, store in
            for node in [self.own, self.other] { try await store.register(node, claiming: .shared) }
            #expect(await inventory.refreshDirectory())
            for node in [self.own, self.other] { try await store.unregister(node.id) }
            #expect(await inventory.refreshDirectory())
            #expect(inventory.directory.expected == [self.own.id, self.other.id])
        }
    }

    @Test func `Without an answer of the store a page has this node's connections, unless nobody needs the page any more`()
        async throws
    {
        try await Loops.with(1, node: self.own.id) { loops in
            // It has no connection to Redis, so each call fails at once.
            let store = RedisPresenceStore(
                configuration: try RedisConfiguration(url: "redis://127.0.0.1:1"),
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: .quiet
            )
            let directory = NodeDirectory(own: self.own)
            let inventory = Inventory(
                store: store,
                connections: loops.manager,
                directory: directory,
                logger: .quiet,
                life: LifecyclePhase()
            )
            #expect(try await inventory.page(ConnectionQuery(limit: 1)).page.nodes == [self.own.id])
            let canceled = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await inventory.page(ConnectionQuery(limit: 1))
            }
            await #expect(throws: CancellationError.self) { try await canceled.value }
        }
    }
}
