import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOSSL
import NIOTLS
import Testing

@testable import VolaryNode

/// Behind NIO's TLS handler.
@Suite
struct TLSHandlerTests {
    /// Takes the place of NIO's handler.
    private final class Transport: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var closes: [CloseMode] = []

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            self.closes.append(mode)
        }
    }

    private let channel = EmbeddedChannel()
    private let transport = Transport()
    private let failures = NIOLockedValueBox<[String]>([])

    init() throws {
        let failures = self.failures
        try self.channel.pipeline.syncOperations.addHandlers([
            self.transport, TLSHandler(failed: { error in failures.withLockedValue { $0.append("\(error)") } }),
        ])
    }

    private func finishHandshake() {
        self.channel.pipeline.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: nil))
    }

    private var failureCount: Int { self.failures.withLockedValue { $0.count } }

    @Test func `A handshake fails once, whatever follows`() throws {
        self.channel.pipeline.fireErrorCaught(NIOSSLError.handshakeFailed(.sslError([])))
        self.channel.pipeline.fireErrorCaught(NIOSSLError.uncleanShutdown)
        self.channel.pipeline.fireChannelInactive()
        #expect(self.failureCount == 1)
        try self.channel.throwIfErrorCaught()
    }

    @Test func `A socket that ends before the handshake does is a failure, one that ends after it is none`() {
        self.channel.pipeline.fireChannelInactive()
        #expect(self.failureCount == 1)
    }

    @Test func `After the handshake, an end without close_notify is an end like any other, and other errors are passed on`()
        throws
    {
        self.finishHandshake()
        self.channel.pipeline.fireErrorCaught(NIOSSLError.uncleanShutdown)
        try self.channel.throwIfErrorCaught()
        self.channel.pipeline.fireErrorCaught(NIOSSLError.readInInvalidTLSState)
        #expect(throws: NIOSSLError.readInInvalidTLSState) { try self.channel.throwIfErrorCaught() }
        self.channel.pipeline.fireChannelInactive()
        #expect(self.failureCount == 0)
    }

    @Test func `After a close at once nothing is read any more`() throws {
        self.finishHandshake()
        try self.channel.writeInbound(ByteBuffer(string: "a"))
        self.channel.close(promise: nil)
        #expect(self.transport.closes == [.all])
        try self.channel.writeInbound(ByteBuffer(string: "b"))
        #expect(try self.channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "a"))
        #expect(try self.channel.readInbound(as: ByteBuffer.self) == nil)
    }
}
