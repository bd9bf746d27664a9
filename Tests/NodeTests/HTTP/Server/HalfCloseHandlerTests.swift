import NIOCore
import NIOEmbedded
import Testing

@testable import VolaryNode

/// Closing the output half.
@Suite
struct HalfCloseHandlerTests {
    /// Holds writes until they are released.
    private final class Transport: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var unsent: [EventLoopPromise<Void>?] = []
        var closes: [CloseMode] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            self.unsent.append(promise)
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            self.closes.append(mode)
        }
    }

    private let channel = EmbeddedChannel()
    private let transport = Transport()

    init() throws {
        try self.channel.pipeline.syncOperations.addHandlers([self.transport, HalfCloseHandler()])
    }

    @Test func `It comes when all that was written before is out`() throws {
        self.channel.writeAndFlush(ByteBuffer(string: "answer"), promise: nil)
        self.channel.close(mode: .output, promise: nil)
        #expect(self.transport.closes == [])
        #expect(self.transport.unsent.count == 2)
        self.transport.unsent.last??.succeed()
        self.channel.embeddedEventLoop.run()
        #expect(self.transport.closes == [.output])
    }

    @Test func `It comes also when what was written never gets out`() throws {
        self.channel.close(mode: .output, promise: nil)
        self.transport.unsent.last??.fail(ChannelError.ioOnClosedChannel)
        self.channel.embeddedEventLoop.run()
        #expect(self.transport.closes == [.output])
    }

    @Test func `The end of both halves does not wait`() throws {
        self.channel.close(promise: nil)
        #expect(self.transport.closes == [.all])
    }
}
