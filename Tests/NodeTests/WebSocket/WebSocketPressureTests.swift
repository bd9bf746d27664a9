import Backplane
import NIOCore
import NIOEmbedded
import Protocol
import Testing

@testable import Node

@Suite("Clients that do not read, and clients that write too much")
struct WebSocketPressureTests {
    // MARK: - Slow consumers

    @Test func `A client that lets too much pile up is closed with 1013, and gets nothing any more`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1000)
        socket.wire.isStalled = true
        socket.channel.isWritable = false
        let text = String(repeating: "x", count: 98)
        // Ten frames of 100 bytes are the limit; the eleventh passes it; the next finds it passed.
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
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1)
        socket.wire.isStalled = true
        socket.channel.isWritable = false
        _ = socket.send("xx")
        _ = socket.send("xx")
        #expect(!socket.connection.isOpen)
        socket.advance(.seconds(5))
        #expect(socket.events == [.opened, .breached(.unsentBytes), .closed])
    }

    @Test func `A client that keeps up is not asked how much it has to read`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1)
        socket.wire.isStalled = true
        for _ in 0..<5 { #expect(socket.send("xxxx")) }
    }

    @Test func `Others do not notice a slow consumer`() throws {
        let loop = EmbeddedEventLoop()
        let shard = ConnectionShard(eventLoop: loop)
        let sockets = try (0..<3).map { _ in
            try EmbeddedWebSocket(maximumUnsentBytes: 10, onOpened: { shard.add($0) }, onClosed: { shard.remove($0.id) })
        }
        sockets[1].wire.isStalled = true
        sockets[1].channel.isWritable = false
        let frame = FrameEncoder.encode(opcode: .text, payload: ByteBuffer(string: "to all of you"))
        #expect(shard.deliver(to: .all) { $0.send(frame) } == 3)
        #expect(shard.deliver(to: .all) { $0.send(frame) } == 2)
        #expect(shard.deliver(to: .all) { $0.send(frame) } == 2)
        #expect(try sockets[0].sent().count == 3)
        #expect(try sockets[2].sent().count == 3)
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
        socket.channel.isWritable = false
        socket.channel.pipeline.fireChannelWritabilityChanged()
        socket.channel.pipeline.read()
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.channel.isWritable = true
        socket.channel.pipeline.fireChannelWritabilityChanged()
        #expect(socket.wire.reads == 2)
        socket.channel.pipeline.fireChannelWritabilityChanged()
        #expect(socket.wire.reads == 2, "nobody has asked for more")
    }

    @Test func `With 64 messages unfinished nothing is read, until one is done`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        for _ in 0..<63 { socket.receive(ClientFrame.text("x")) }
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.receive(ClientFrame.text("x"))
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 1)
        socket.finish(1)
        #expect(socket.wire.reads == 2)
        socket.finish(63)
        #expect(socket.wire.reads == 2)
        socket.channel.pipeline.read()
        #expect(socket.wire.reads == 3)
    }

    @Test func `Both must be right before reading goes on`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        for _ in 0..<64 { socket.receive(ClientFrame.text("x")) }
        socket.channel.isWritable = false
        socket.channel.pipeline.read()
        socket.finish(64)
        #expect(socket.wire.reads == 0)
        socket.channel.isWritable = true
        socket.channel.pipeline.fireChannelWritabilityChanged()
        #expect(socket.wire.reads == 1)
    }

    @Test(arguments: [true, false])
    func `A client that is being closed is read, for its close frame, whatever its reading waited for`(byWritability: Bool) throws
    {
        let socket = try EmbeddedWebSocket(finishes: false)
        if byWritability {
            socket.channel.isWritable = false
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
