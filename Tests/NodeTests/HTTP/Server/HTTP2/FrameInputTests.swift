import NIOCore
import NIOEmbedded
import Testing

@testable import VolaryNode

/// The frames of a client in turns.
@Suite
struct FrameInputTests {
    private final class Frames: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        var count = 0
        var bytes = 0
        var turns = 0
        var isEnded = false
        var onFrame: () -> Void = {}
        private(set) var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.count += 1
            self.bytes += self.unwrapInboundIn(data).readableBytes
            self.onFrame()
        }

        func channelReadComplete(context: ChannelHandlerContext) { self.turns += 1 }

        func channelInactive(context: ChannelHandlerContext) { self.isEnded = true }
    }

    private final class Reads: ChannelOutboundHandler {
        typealias OutboundIn = Never

        var count = 0
        private(set) var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func read(context: ChannelHandlerContext) { self.count += 1 }
    }

    private final class Drops {
        var count = 0
    }

    private let channel = EmbeddedChannel()
    private let frames = Frames()
    private let reads = Reads()
    private let drops = Drops()

    init() throws {
        let turns = TurnQueue(eventLoop: self.channel.eventLoop)
        let own = StreamTurns(on: self.channel.eventLoop)
        let input = FrameInput(turns: turns, own: own, ends: StreamEnds()) { [drops] in drops.count += 1 }
        try self.channel.pipeline.syncOperations.addHandlers([self.reads, input, self.frames])
        self.channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        self.receive([UInt8](repeating: 0, count: 24))
        (self.frames.count, self.frames.bytes, self.frames.turns) = (0, 0, 0)
    }

    private func receive(_ bytes: [UInt8]) {
        self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        self.channel.pipeline.fireChannelReadComplete()
    }

    private static func frames(_ count: Int, type: UInt8 = 0) -> [UInt8] {
        (0..<count).flatMap { _ in [0, 0, 1, type, 0, 0, 0, 0, 1, 7] as [UInt8] }
    }

    /// A DATA frame.
    private static func frame(bytes: Int) -> [UInt8] {
        [UInt8(bytes >> 16), UInt8(bytes >> 8 & 255), UInt8(bytes & 255), 0, 0, 0, 0, 0, 1] + [UInt8](repeating: 7, count: bytes)
    }

    private func runTurns() { self.channel.embeddedEventLoop.advanceTime(by: .milliseconds(100)) }

    @Test func `A turn has 64 frames; the others wait, and nothing is read meanwhile`() throws {
        self.receive(Self.frames(3 * FrameInput.maximumFrames - 1))
        #expect(self.frames.count == FrameInput.maximumFrames)
        #expect(self.frames.turns == 1)
        self.channel.pipeline.read()
        #expect(self.reads.count == 0)
        self.runTurns()
        #expect(self.frames.count == 3 * FrameInput.maximumFrames - 1)
        #expect(self.frames.turns == 3)
        #expect(self.reads.count == 1)
    }

    @Test func `A stream that is read does not read the connection while frames wait`() {
        self.receive(Self.frames(3 * FrameInput.maximumFrames))
        // As the frame of a stream does.
        self.frames.onFrame = { self.frames.context?.read() }
        self.runTurns()
        #expect(self.frames.count == 3 * FrameInput.maximumFrames)
        #expect(self.reads.count == 1)
    }

    @Test func `While the client does not read, its frames wait`() {
        self.channel.isWritable = false
        self.receive(Self.frames(3))
        self.runTurns()
        #expect(self.frames.count == 0)
        self.channel.pipeline.read()
        #expect(self.reads.count == 0)
        self.channel.isWritable = true
        self.channel.pipeline.fireChannelWritabilityChanged()
        self.runTurns()
        #expect(self.frames.count == 3)
        #expect(self.reads.count == 1)
    }

    @Test func `A turn has 8 frames of fields`() {
        self.receive(Self.frames(2 * FrameInput.maximumHeads, type: 1) + Self.frames(2))
        #expect(self.frames.count == FrameInput.maximumHeads)
        self.runTurns()
        #expect(self.frames.count == 2 * FrameInput.maximumHeads + 2)
        #expect(self.frames.turns == 3)
    }

    @Test func `A read that ends inside a frame is passed on without its rest`() {
        let bytes = Self.frames(2)
        self.receive(Array(bytes.dropLast()))
        #expect(self.frames.bytes == 10)
        self.channel.pipeline.read()
        #expect(self.reads.count == 1)
        self.receive(Array(bytes.suffix(1)))
        #expect(self.frames.bytes == 20)
    }

    @Test func `What arrives while frames wait comes after them`() {
        self.receive(Self.frames(FrameInput.maximumFrames + 1))
        self.receive(Self.frames(2))
        #expect(self.frames.count == FrameInput.maximumFrames)
        self.runTurns()
        #expect(self.frames.count == FrameInput.maximumFrames + 3)
        #expect(self.frames.turns == 2)
    }

    @Test func `The end of the client's half comes after its frames, and closes the connection`() {
        self.receive(Self.frames(3 * FrameInput.maximumFrames))
        self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(self.frames.count == FrameInput.maximumFrames)
        #expect(self.channel.isActive)
        self.runTurns()
        #expect(self.frames.count == 3 * FrameInput.maximumFrames)
        #expect(!self.channel.isActive)
    }

    @Test func `Data that waits when the client leaves comes before the end, in one frame; no stream begins then`() {
        let stream = [0, 0, 1, 1, 0, 0, 0, 0, 3, 7, 0, 0, 1, 0, 0, 0, 0, 0, 3, 7] as [UInt8]
        self.receive(Self.frames(2 * FrameInput.maximumFrames) + stream + Self.frames(3, type: 6) + Self.frames(6))
        let before = self.frames.bytes
        self.reads.context?.close(promise: nil)
        #expect(self.frames.count == FrameInput.maximumFrames + 1)
        #expect(self.frames.bytes == before + 9 + FrameInput.maximumFrames + 6)
        #expect(self.frames.isEnded)
        self.runTurns()
        #expect(self.frames.count == FrameInput.maximumFrames + 1)
    }

    @Test func `So does data that waits for a client to read`() {
        self.channel.isWritable = false
        self.receive(Self.frames(3))
        self.reads.context?.close(promise: nil)
        #expect(self.frames.bytes == 9 + 3)
        #expect(self.frames.isEnded)
    }

    @Test func `More than a megabyte of a client that leaves is dropped and counted`() {
        self.receive(Self.frames(FrameInput.maximumFrames + 1))
        for _ in 0..<63 { self.receive(Self.frame(bytes: 16 * 1024 - 9)) }
        #expect(self.drops.count == 0)
        for _ in 0..<2 { self.receive(Self.frame(bytes: 16 * 1024 - 9)) }
        #expect(self.drops.count == 1)
        #expect(self.frames.count == FrameInput.maximumFrames)
        #expect(!self.channel.isActive)
    }

    @Test func `The node's close during a turn waits for the end of the turn`() {
        self.frames.onFrame = { if self.frames.count == 10 { self.frames.context?.close(promise: nil) } }
        self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: Self.frames(20)))
        #expect(self.channel.isActive)
        self.channel.pipeline.fireChannelReadComplete()
        #expect(!self.channel.isActive)
        #expect(self.frames.count == 10 && self.frames.turns == 1)
        #expect(self.frames.isEnded)
    }

    @Test func `An end that is found during a turn waits for the end of its frame, and completes the read`() {
        self.frames.onFrame = {
            guard self.frames.count == 10 else { return }
            self.reads.context?.close(promise: nil)
            #expect(!self.frames.isEnded)
        }
        self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: Self.frames(20)))
        #expect(self.frames.isEnded && self.frames.turns == 1)
        #expect(self.frames.count == 11, "the rest is one frame")
    }

    @Test func `An error comes after the frames before it`() {
        self.receive(Self.frames(2 * FrameInput.maximumFrames))
        self.channel.pipeline.fireErrorCaught(ChannelError.ioOnClosedChannel)
        #expect(throws: Never.self) { try self.channel.throwIfErrorCaught() }
        self.runTurns()
        #expect(self.frames.count == 2 * FrameInput.maximumFrames)
        #expect(throws: ChannelError.self) { try self.channel.throwIfErrorCaught() }
    }

    @Test func `The node's close drops the frames that wait`() throws {
        self.receive(Self.frames(2 * FrameInput.maximumFrames))
        self.channel.close(promise: nil)
        self.runTurns()
        #expect(self.frames.count == FrameInput.maximumFrames)
    }
}
