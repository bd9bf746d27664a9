import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A WebSocket client that sends frames of one kind without an end, as fast as the server takes them, and throws away what it gets.
public final class FloodClient: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Empty pings.
        case pings
        /// Texts of one letter.
        case texts
        /// Empty fragments of one message after the other.
        case fragments

        /// Some frames, masked with zeros; 64 KiB at most.
        fileprivate var block: [UInt8] {
            let key: [UInt8] = [0, 0, 0, 0]
            switch self {
            case .pings: return Array(repeating: [0x89, 0x80] + key, count: 8000).flatMap(\.self)
            case .texts: return Array(repeating: [0x81, 0x81] + key + [0x78], count: 8000).flatMap(\.self)
            case .fragments:
                let middle = Array(repeating: [0x00, 0x80] + key, count: 8000).flatMap(\.self)
                return [0x01, 0x80] + key + middle + [0x80, 0x80] + key
            }
        }
    }

    /// A thread for all floods: the clients and proxies of a test are not held up by them.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let channel: any Channel
    private let sent: NIOLockedValueBox<Int>

    /// Connects, and begins.
    public static func start(_ kind: Kind, port: Int, path: String = "/echo") async throws -> FloodClient {
        let sent = NIOLockedValueBox(0)
        let channel = try await ClientBootstrap(group: Self.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Handler(path: path, block: ByteBuffer(bytes: kind.block), sent: sent)
                    )
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return FloodClient(channel: channel, sent: sent)
    }

    private init(channel: any Channel, sent: NIOLockedValueBox<Int>) {
        self.channel = channel
        self.sent = sent
    }

    deinit { self.channel.close(promise: nil) }

    /// Bytes that the kernel has taken since the handshake.
    public var bytes: Int { self.sent.withLockedValue { $0 } }

    public var isEnded: Bool { !self.channel.isActive }

    /// Goes without a word.
    public func end() async { try? await self.channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let path: String
        private let block: ByteBuffer
        private let sent: NIOLockedValueBox<Int>
        private var isOpen = false

        init(path: String, block: ByteBuffer, sent: NIOLockedValueBox<Int>) {
            self.path = path
            self.block = block
            self.sent = sent
        }

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: HandshakeRequest.bytes(path: self.path))), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // The first bytes are those of the 101, or of a refusal with which the server ends the connection.
            guard !self.isOpen else { return }
            self.isOpen = true
            self.write(context)
        }

        /// One block at a time: the channel takes the next when the kernel has this one.
        private func write(_ context: ChannelHandlerContext) {
            let written = context.eventLoop.makePromise(of: Void.self)
            let here = NIOLoopBound(context, eventLoop: context.eventLoop)
            written.futureResult.assumeIsolated().whenSuccess {
                self.sent.withLockedValue { $0 += self.block.readableBytes }
                here.value.eventLoop.assumeIsolated().execute { self.write(here.value) }
            }
            context.writeAndFlush(self.wrapOutboundOut(self.block), promise: written)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
