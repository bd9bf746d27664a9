import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import VolaryNode

/// Frames of one turn of the event loop in one write.
@Suite
struct FrameGathererTests {
    /// Takes the place of NIO's HTTP/2 handler: writes during a read.
    private final class Replies: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = IOData

        var replies: [[UInt8]] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            for bytes in self.replies {
                context.writeAndFlush(self.wrapOutboundOut(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
            }
        }
    }

    private let channel = EmbeddedChannel()
    private let wire = Wire()
    private let replies = Replies()

    init() throws {
        try self.channel.pipeline.syncOperations.addHandlers([self.wire, FrameGatherer(), self.replies])
        self.channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    private func write(_ bytes: [UInt8], flushes: Bool = true) -> Outcome {
        let promise = self.channel.eventLoop.makePromise(of: Void.self)
        let outcome = Outcome()
        promise.futureResult.assumeIsolated().whenComplete { outcome.isDone = (try? $0.get()) != nil }
        self.channel.write(IOData.byteBuffer(ByteBuffer(bytes: bytes)), promise: promise)
        if flushes { self.channel.flush() }
        return outcome
    }

    private final class Outcome {
        /// Whether the write succeeded; nil before its end.
        var isDone: Bool?
    }

    private func sent() throws -> [[UInt8]] {
        var writes: [[UInt8]] = []
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) { writes.append(Array(bytes.readableBytesView)) }
        return writes
    }

    private func run() { self.channel.embeddedEventLoop.run() }

    // MARK: - Gathering

    @Test func `Frames of one turn leave in one write at its end, and all promises are completed`() throws {
        let outcomes = (0..<3).map { self.write(HTTP2Bytes.frame(.ping, stream: 0, [UInt8](repeating: UInt8($0), count: 8))) }
        #expect(self.wire.writes == 0)
        self.run()
        #expect(self.wire.writes == 1)
        #expect(try self.sent().map(\.count) == [51])
        #expect(outcomes.map(\.isDone) == [true, true, true])
        _ = self.write([1])
        self.run()
        #expect(try self.sent() == [[1]])
    }

    @Test func `What is not flushed stays`() throws {
        _ = self.write([1, 2], flushes: false)
        self.run()
        #expect(self.wire.writes == 0)
        _ = self.write([3])
        self.run()
        #expect(try self.sent() == [[1, 2, 3]])
    }

    @Test func `Replies to a read leave at its end, at once`() throws {
        self.replies.replies = [[1], [2]]
        self.channel.pipeline.fireChannelRead(ByteBuffer(string: "x"))
        self.channel.pipeline.fireChannelRead(ByteBuffer(string: "y"))
        #expect(self.wire.writes == 0)
        self.channel.pipeline.fireChannelReadComplete()
        #expect(try self.sent() == [[1, 2, 1, 2]])
    }

    /// A write that fails would close the channel.
    @Test func `The end of the client's half, a read without bytes, writes nothing at once`() throws {
        _ = self.write([1])
        self.channel.pipeline.fireChannelReadComplete()
        #expect(self.wire.writes == 0)
        self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        self.run()
        #expect(try self.sent() == [[1]])
    }

    @Test func `64 KiB leave at once, and never between a DATA frame's head and its payload`() throws {
        _ = self.write([UInt8](repeating: 1, count: 65_530))
        _ = self.write(HTTP2Bytes.frame(.data, stream: 1, length: 5, []))
        #expect(self.wire.writes == 0)
        let last = self.write([1, 2, 3, 4, 5])
        #expect(self.wire.writes == 1)
        #expect(try self.sent().map(\.count) == [65_544])
        #expect(last.isDone == true)
        self.run()
        #expect(self.wire.writes == 1)
    }

    @Test func `A close sends what was gathered`() throws {
        _ = self.write([1, 2])
        self.channel.close(promise: nil)
        #expect(self.wire.isClosed)
        #expect(try self.sent() == [[1, 2]])
    }

    @Test func `A channel that ends fails the promises of what was gathered`() throws {
        let outcomes = [self.write([1]), self.write([2])]
        self.channel.pipeline.fireChannelInactive()
        #expect(outcomes.map(\.isDone) == [false, false])
        self.run()
        #expect(self.wire.writes == 0)
    }

    @Test func `A write that fails, fails all promises`() throws {
        let outcomes = [self.write([1]), self.write([2])]
        self.channel.close(mode: .output, promise: nil)
        #expect(outcomes.map(\.isDone) == [true, true])
        let late = [self.write([3]), self.write([4])]
        self.run()
        #expect(late.map(\.isDone) == [false, false])
    }

    // MARK: - Errors of the connection

    private static func goAway(_ code: UInt32, last: UInt32 = 0x7FFF_FFFF) -> [UInt8] {
        HTTP2Bytes.frame(.goAway, stream: 0, HTTP2Bytes.integer(last) + HTTP2Bytes.integer(code))
    }

    @Test(arguments: [1, 2, 11, 0x0100_0000] as [UInt32])
    func `A GOAWAY frame with an error closes the connection with the flush, behind all frames`(code: UInt32) throws {
        _ = self.write([1])
        _ = self.write(Self.goAway(code), flushes: false)
        #expect(!self.wire.isClosed)
        self.channel.flush()
        #expect(self.wire.isClosed)
        #expect(try self.sent() == [[1] + Self.goAway(code)])
    }

    @Test func `A GOAWAY frame without an error closes nothing`() throws {
        _ = self.write(Self.goAway(0))
        _ = self.write(Self.goAway(0, last: 7))
        self.run()
        #expect(!self.wire.isClosed)
        #expect(try self.sent() == [Self.goAway(0) + Self.goAway(0, last: 7)])
    }

    @Test func `It closes within a read, too`() throws {
        self.replies.replies = [Self.goAway(1)]
        self.channel.pipeline.fireChannelRead(ByteBuffer(string: "x"))
        #expect(self.wire.isClosed)
        #expect(try self.sent() == [Self.goAway(1)])
    }

    @Test func `A payload that looks like one closes nothing, and one behind it does`() throws {
        let payload = Self.goAway(1)
        _ = self.write(HTTP2Bytes.frame(.data, stream: 1, length: payload.count, []))
        _ = self.write(payload)
        // An empty DATA frame has a payload, too.
        _ = self.write(HTTP2Bytes.frame(.data, flags: 1, stream: 1, []))
        _ = self.write([])
        self.run()
        #expect(!self.wire.isClosed)
        _ = self.write(Self.goAway(1))
        #expect(self.wire.isClosed)
    }

    @Test func `A tracker tells heads from payloads`() {
        var tracker = FrameTracker()
        let frames: [(bytes: [UInt8], expectsPayload: Bool)] = [
            (HTTP2Bytes.preface, false), (HTTP2Bytes.frame(.settings, stream: 0, []), false),
            (HTTP2Bytes.frame(.headers, stream: 1, [0x88]), false), (HTTP2Bytes.frame(.data, stream: 1, length: 3, []), true),
            ([0, 0, 0, 0], false), ([], false), (HTTP2Bytes.frame(.windowUpdate, stream: 0, [0, 0, 0, 1]), false),
        ]
        for (bytes, expectsPayload) in frames {
            _ = tracker.sees(ByteBuffer(bytes: bytes))
            #expect(tracker.expectsPayload == expectsPayload)
        }
        #expect(!tracker.hasConnectionError)
        var later = ByteBuffer(bytes: [9, 9] + Self.goAway(2))
        later.moveReaderIndex(forwardBy: 2)
        _ = tracker.sees(later)
        #expect(tracker.hasConnectionError)
    }
}
