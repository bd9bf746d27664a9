import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Clients that do not read, and clients that write too much.
@Suite
struct WebSocketPressureTests {
    // MARK: - Slow consumers

    @Test func `A client that lets too much pile up is closed with 1013, and gets nothing any more`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1000)
        socket.wire.isStalled = true
        socket.setWritable(false)
        let text = String(repeating: "x", count: 98)
        // Ten frames of 100 bytes reach the limit. The eleventh exceeds it, and the next one finds it exceeded.
        for _ in 0..<11 { #expect(socket.send(text)) }
        #expect(!socket.send(text))
        #expect(!socket.connection.isOpen)
        #expect(!socket.send(text))
        socket.wire.isStalled = false
        socket.channel.flush()
        let sent = try socket.sent()
        #expect(sent.dropLast() == .init(repeating: .text(text), count: 11))
        guard case .close(1013, _)? = sent.last else {
            Issue.record("no close with 1013 but \(String(describing: sent.last))")
            return
        }
    }

    @Test func `A slow consumer that reads nothing more is cut`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 4)
        socket.wire.isStalled = true
        socket.setWritable(false)
        for _ in 0..<3 { _ = socket.send("xx") }
        #expect(!socket.connection.isOpen)
        socket.advance(.seconds(5))
        #expect(socket.events == [.opened, .limitExceeded(.unsentBytes), .closed])
    }

    @Test func `A message that is larger than the limit throws nobody out who reads it, and a second one does`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1000)
        socket.wire.isStalled = true
        socket.setWritable(false)
        let large = String(repeating: "x", count: 6000)
        #expect(socket.send(large))
        for _ in 0..<9 { #expect(socket.send(String(repeating: "y", count: 98))) }
        #expect(socket.send(large), "what waits is within the limit beside the large one")
        #expect(!socket.send("y"))
        #expect(socket.events.last == .limitExceeded(.unsentBytes))
    }

    @Test func `Once it has been read, the limit is what it was`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1000)
        socket.wire.isStalled = true
        #expect(socket.send(String(repeating: "x", count: 6000)))
        socket.wire.isStalled = false
        socket.channel.flush()
        #expect(socket.send("small"))
        socket.wire.isStalled = true
        socket.setWritable(false)
        for _ in 0..<11 { #expect(socket.send(String(repeating: "y", count: 98))) }
        #expect(!socket.send("y"))
    }

    @Test func `A client that keeps up is not asked how much it has to read`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1)
        socket.wire.isStalled = true
        for _ in 0..<5 { #expect(socket.send("xxxx")) }
    }

    @Test func `Others do not notice a slow consumer`() throws {
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop)
        let shard = manager.shards[0]
        let sockets = try (0..<3).map { _ in try EmbeddedWebSocket(maximumUnsentBytes: 20, manager: manager, loop: loop) }
        sockets[1].wire.isStalled = true
        sockets[1].setWritable(false)
        let frame = FrameEncoder.encode(opcode: .text, payload: ByteBuffer(string: "to all of you"))
        for reached in [3, 3, 2, 2] { #expect(shard.deliver(to: .all) { $0.send(frame) } == reached) }
        #expect(try sockets[0].sent().count == 4)
        #expect(try sockets[2].sent().count == 4)
        #expect(sockets.map(\.connection.isOpen) == [true, false, true])
        #expect(shard.memberIDs.count == 3, "it is there until its transport is gone")
        sockets[1].advance(.seconds(5))
        #expect(shard.memberIDs.count == 2)
    }

    // MARK: - Back-pressure

    @Test func `A client that does not read is not read from, until it does`() throws {
        let socket = try EmbeddedWebSocket()
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.setWritable(false)
        socket.channel.pipeline.read()
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.setWritable(true)
        #expect(socket.wire.reads == 2)
        socket.channel.pipeline.fireChannelWritabilityChanged()
        #expect(socket.wire.reads == 2, "nobody has asked for more")
    }

    @Test func `With 64 messages unfinished nothing is read, until half of them are done`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        for _ in 0..<63 { socket.receive(ClientFrame.text("x")) }
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.receive(ClientFrame.text("x"))
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.finish(31)
        #expect(socket.wire.reads == 1)
        socket.finish(1)
        #expect(socket.wire.reads == 2)
        socket.finish(32)
        #expect(socket.wire.reads == 2)
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 3)
    }

    @Test func `With 1 MiB unfinished nothing is read, until half of it is done`() throws {
        let socket = try EmbeddedWebSocket(maximumMessageBytes: 300_000, finishes: false)
        let large = String(repeating: "x", count: 262_144 - UnfinishedActions.overheadBytes)
        // Each waits for its turn.
        func receive() {
            socket.receive(ClientFrame.text(large))
            socket.advance(TurnQueue.minimumPause)
        }
        for _ in 0..<3 { receive() }
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        receive()
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.finish(1)
        #expect(socket.wire.reads == 1)
        socket.finish(1)
        #expect(socket.wire.reads == 2)
        #expect(socket.messages.count == 4)
    }

    @Test func `Both must be right before reading goes on`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        for _ in 0..<64 { socket.receive(ClientFrame.text("x")) }
        socket.setWritable(false)
        socket.channel.pipeline.read()
        socket.finish(64)
        #expect(socket.wire.reads == 0)
        socket.setWritable(true)
        #expect(socket.wire.reads == 1)
    }

    @Test func `What one read has beyond 64 unfinished messages waits, keeps its order, and goes before what is read next`()
        throws
    {
        let socket = try EmbeddedWebSocket(finishes: false)
        socket.receive((0..<100).flatMap { ClientFrame.text("\($0)") } + ClientFrame.text("cut off").prefix(5))
        socket.channel.pipeline.read()
        #expect(socket.messages == (0..<64).map(String.init))
        socket.finish(32)
        #expect(socket.messages == (0..<96).map(String.init))
        #expect(socket.wire.reads == 0)
        // Bytes that were in the channel.
        socket.receive(Array(ClientFrame.text("cut off").dropFirst(5)) + ClientFrame.text("100"))
        for unfinished in [64, 6] {
            #expect(socket.unfinished.count == unfinished)
            socket.finish(unfinished)
        }
        #expect(socket.messages == (0..<100).map(String.init) + ["cut off", "100"])
        #expect(socket.wire.reads == 1)
        #expect(try socket.sent().isEmpty)
    }

    @Test func `The time of a message does not run while the node does not listen`() throws {
        let socket = try EmbeddedWebSocket(bounds: ConnectionLimits(messageTimeout: .seconds(60)))
        socket.setWritable(false)
        socket.receive(ClientFrame.text("a", isFinal: false) + ClientFrame.ping() + ClientFrame.continuation("b"))
        for _ in 0..<3 { socket.advanceAndLook(.seconds(29)) }
        #expect(socket.messages.isEmpty)
        socket.setWritable(true)
        #expect(socket.messages == ["ab"])
        #expect(socket.connection.isOpen)
    }

    @Test func `Behind the last frame nothing counts, held or not`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        socket.receive((0..<70).flatMap { ClientFrame.text("\($0)") } + ClientFrame.close(1000) + ClientFrame.text("late"))
        socket.finish(64)
        #expect(socket.messages == (0..<70).map(String.init))
        #expect(try socket.sent() == [.close(1000, "")])
    }

    @Test(arguments: [true, false])
    func `A client that is being closed is read, for its close frame, whatever its reading waited for`(byWritability: Bool) throws
    {
        let socket = try EmbeddedWebSocket(finishes: false)
        if byWritability {
            socket.setWritable(false)
        } else {
            for _ in 0..<64 { socket.receive(ClientFrame.text("x")) }
        }
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 0)
        socket.connection.close(code: .normal, reason: "")
        #expect(socket.wire.reads == 1)
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 2)
    }
}
