import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Writes of a WebSocket.
@Suite
struct WebSocketTransportTests {
    private static func frame(_ number: Int, bytes: Int) -> ByteBuffer {
        FrameEncoder.encode(opcode: .binary, payload: ByteBuffer(bytes: Self.payload(number, bytes: bytes)))
    }

    private static func payload(_ number: Int, bytes: Int) -> [UInt8] {
        Array("\(number) ".utf8) + Array(repeating: UInt8(ascii: "x"), count: bytes)
    }

    @Test func `A client that stops reading, and goes on, gets everything in order`() async throws {
        try await Loops.with(1, maximumUnsentBytes: 1 << 30) { loops in
            let id = try await loops.connect(1)[0]
            let client = try #require(loops.client(of: id))
            let count = 400
            let size = 64 * 1024
            try await client.stopReading()
            // The bytes that the kernel takes bypass the channel. The rest is queued in the channel, and later bytes are queued
            // behind it.
            for number in 0..<(count / 2) { #expect(await loops.manager.send(Self.frame(number, bytes: size), to: id)) }
            let waits = await loops.manager.onShard(of: id) { $1.unsentBytes > 0 }
            #expect(waits == true, "the kernel has taken it all: nothing is tested")
            try await client.resumeReading()
            for number in (count / 2)..<count { #expect(await loops.manager.send(Self.frame(number, bytes: size), to: id)) }
            let frames = await loops.frames(of: id, atLeast: count)
            #expect(frames.count == count)
            for (number, frame) in frames.enumerated() where frame != .binary(Self.payload(number, bytes: size)) {
                Issue.record("frame \(number) is not what was sent")
            }
            // Writes are direct again.
            #expect(await eventually { await loops.manager.onShard(of: id) { $1.unsentBytes } == 0 })
            #expect(await loops.manager.send(Self.frame(count, bytes: 1), to: id))
            #expect(await loops.frames(of: id, atLeast: count + 1).last == .binary(Self.payload(count, bytes: 1)))
        }
    }

    @Test func `A connection that is closed takes nothing, and others get what is theirs`() async throws {
        try await Loops.with(1) { loops in
            let id = try await loops.connect(1)[0]
            let connection = NIOLoopBoundBox<Connection?>.makeBoxSendingValue(nil, eventLoop: loops.manager.shards[0].eventLoop)
            _ = await loops.manager.onShard(of: id) { connection.value = $1 }
            #expect(await loops.manager.send(Self.frame(0, bytes: 1), to: id))
            await loops.client(of: id)?.close()
            #expect(await eventually { loops.manager.count == 0 })
            // They get the descriptors that were closed.
            let others = try await loops.connect(8)
            let accepted = try await loops.manager.shards[0].eventLoop.submit {
                connection.value?.send(Self.frame(1, bytes: 1)) ?? true
            }.get()
            #expect(!accepted)
            for other in others {
                #expect(await loops.manager.send(Self.frame(2, bytes: 1), to: other))
                #expect(await loops.frames(of: other) == [.binary(Self.payload(2, bytes: 1))])
            }
        }
    }

    @Test func `A TCP socket has a short way, also when NIO is renewed`() async throws {
        try await Loops.with(1) { loops in
            let id = try await loops.connect(1)[0]
            #expect(await loops.manager.onShard(of: id) { ($1.transport as? WebSocketTransport)?.isDirect } == true)
        }
    }

    @Test func `A channel that is no socket has no short way`() throws {
        let socket = try EmbeddedWebSocket()
        #expect(!socket.transport.isDirect)
        #expect(socket.send("through the pipeline"))
        #expect(socket.wire.writes == 1)
    }
}
