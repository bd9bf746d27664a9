import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// The nine unit tests of the project's seed, with their original names, followed by further tests.
@Suite
struct ConnectionManagerTests {
    /// A manager with one embedded event loop.
    private final class Pool {
        let loop = EmbeddedEventLoop()
        let manager: ConnectionManager
        private(set) var sockets: [EmbeddedWebSocket] = []

        init() {
            self.manager = ConnectionManager(node: EmbeddedWebSocket.node, eventLoops: [self.loop], pingInterval: .seconds(30))
        }

        @discardableResult
        func addSocket(_ endpoint: Endpoint = .plain) throws -> Connection {
            let socket = try EmbeddedWebSocket(endpoint: endpoint, manager: self.manager, loop: self.loop)
            self.sockets.append(socket)
            return socket.connection
        }

        func get(_ id: ConnectionID) -> Connection? { self.manager.shards[0].connection(id) }
        func remove(_ id: ConnectionID) -> Connection? { self.manager.remove(id, on: self.manager.shards[0]) }
    }

    private let unknown = ConnectionID.random(on: EmbeddedWebSocket.node)

    @Test func `Add socket returns unique connection id`() throws {
        let pool = Pool()
        let ids = try (0..<100).map { _ in try pool.addSocket().id }
        #expect(Set(ids).count == 100)
    }

    @Test func `Add socket increases count`() throws {
        let pool = Pool()
        #expect(pool.manager.count == 0)
        try pool.addSocket()
        #expect(pool.manager.count == 1)
        try pool.addSocket()
        #expect(pool.manager.count == 2)
    }

    @Test func `Remove socket decreases count`() throws {
        let pool = Pool()
        let connection = try pool.addSocket()
        try pool.addSocket()
        #expect(pool.remove(connection.id) === connection)
        #expect(pool.manager.count == 1)
    }

    @Test func `Remove socket unknown id returns null`() throws {
        let pool = Pool()
        let connection = try pool.addSocket()
        #expect(pool.remove(self.unknown) == nil)
        #expect(pool.manager.count == 1)
        #expect(pool.remove(connection.id) != nil)
        #expect(pool.remove(connection.id) == nil)
        #expect(pool.manager.count == 0)
    }

    @Test func `Get socket returns registered socket`() throws {
        let pool = Pool()
        let connection = try pool.addSocket()
        try pool.addSocket()
        #expect(pool.get(connection.id) === connection)
    }

    @Test func `Get socket unknown id returns null`() throws {
        let pool = Pool()
        try pool.addSocket()
        #expect(pool.get(self.unknown) == nil)
    }

    @Test func `Connection ids returns all registered ids`() async throws {
        try await Loops.with(2) { loops in
            let added = try await loops.connect(10)
            #expect(await Set(loops.manager.ids) == Set(added))
        }
    }

    @Test func `Send to async unknown id returns false`() async throws {
        try await Loops.with(2) { loops in
            _ = try await loops.connect(2)
            #expect(await loops.manager.send(ByteBuffer(string: "x"), to: self.unknown) == false)
        }
    }

    @Test func `Send to async closed socket returns false`() async throws {
        try await Loops.with(2) { loops in
            let ids = try await loops.connect(2)
            #expect(await loops.manager.send(ByteBuffer(string: "x"), to: ids[0]))
            #expect(await loops.manager.close(ids[0], code: .normal, reason: ""))
            #expect(await loops.manager.send(ByteBuffer(string: "x"), to: ids[0]) == false)
            #expect(await loops.manager.send(ByteBuffer(string: "x"), to: ids[1]))
        }
    }

    // MARK: - Ours

    @Test func `Connections on echo are no members: not counted, not listed, not broadcast to, but closed with the rest`() throws
    {
        let pool = Pool()
        try pool.addSocket(.echo)
        try pool.addSocket(.plain)
        #expect(pool.manager.count == 1)
        #expect(pool.manager.total == 2)
        let shard = pool.manager.shards[0]
        #expect(shard.memberIDs.count == 1)
        let frame = FrameEncoder.encode(opcode: .text, payload: ByteBuffer(string: "x"))
        #expect(shard.deliver(to: .all) { $0.send(frame) } == 1)
        #expect(try pool.sockets[0].sent() == [])
        #expect(shard.all.count == 2)
        for socket in pool.sockets { _ = pool.remove(socket.connection.id) }
        #expect((pool.manager.count, pool.manager.total) == (0, 0))
    }

    @Test func `Members are all reached, whichever have left before`() throws {
        for _ in 0..<50 {
            let pool = Pool()
            for _ in 0..<8 { try pool.addSocket() }
            let leavers = Set(pool.sockets.indices.shuffled().prefix(Int.random(in: 0...8)))
            for index in leavers { _ = pool.remove(pool.sockets[index].connection.id) }
            let shard = pool.manager.shards[0]
            let frame = FrameEncoder.encode(opcode: .text, payload: ByteBuffer(string: "x"))
            #expect(shard.deliver(to: .all) { $0.send(frame) } == 8 - leavers.count)
            for (index, socket) in pool.sockets.enumerated() {
                #expect(try socket.sent() == (leavers.contains(index) ? [] : [.text("x")]))
            }
        }
    }

    @Test func `Some are closed at a time, each once, until none is open`() async throws {
        try await Loops.with(3) { loops in
            let ids = try await loops.connect(20)
            var closed: [Int] = []
            while closed.count < 20 {
                let count = await loops.manager.closeSome(6, code: .serviceRestart, reason: "bye")
                closed.append(count)
                if count == 0 { break }
            }
            #expect(closed.reduce(0, +) == 20)
            #expect(closed.first == 6)
            for id in ids { #expect(await loops.frames(of: id) == [.close(1012, "bye")]) }
        }
    }

    @Test func `One connection is found on whichever loop it is`() async throws {
        try await Loops.with(3) { loops in
            for id in try await loops.connect(9) {
                #expect(await loops.manager.record(id)?.id == id)
                #expect(await loops.manager.close(id, code: .normal, reason: ""))
            }
            #expect(await loops.manager.record(self.unknown) == nil)
            #expect(await loops.manager.close(self.unknown, code: .normal, reason: "") == false)
        }
    }

    @Test func `Connections are pinged, and those that do not answer are cut`() async throws {
        try await Loops.with(2, pingInterval: .seconds(2)) { loops in
            let ids = try await loops.connect(3)
            for id in ids {
                #expect(await loops.frames(of: id).first == .ping([]))
                #expect(await eventually { loops.client(of: id)?.isClosed == true })
            }
            #expect(await eventually { loops.manager.count == 0 })
        }
    }
}
