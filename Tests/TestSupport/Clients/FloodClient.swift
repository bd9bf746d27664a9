import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A WebSocket client that sends frames of one kind continuously, as fast as the server reads them, and discards all that it
/// receives.
public final class FloodClient: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Empty pings.
        case pings
        /// Texts of one letter.
        case texts
        /// Messages of empty fragments, one after the other.
        case fragments
        /// Texts of one letter, compressed, for a server with permessage-deflate.
        case compressed

        /// A block of frames, masked with zeros; 42 to 64 KB.
        fileprivate var block: [UInt8] {
            let key: [UInt8] = [0, 0, 0, 0]
            switch self {
            case .pings: return Array(repeating: [0x89, 0x80] + key, count: 8000).flatMap(\.self)
            case .texts: return Array(repeating: [0x81, 0x81] + key + [0x78], count: 8000).flatMap(\.self)
            case .fragments:
                let middle = Array(repeating: [0x00, 0x80] + key, count: 8000).flatMap(\.self)
                return [0x01, 0x80] + key + middle + [0x80, 0x80] + key
            // "x" in a block with fixed codes, and an empty block without its last four bytes (RFC 7692 section 7.2.1).
            case .compressed: return Array(repeating: [0xC1, 0x83] + key + [0xAA, 0x00, 0x00], count: 7000).flatMap(\.self)
            }
        }
    }

    /// All floods share a separate thread, so that they do not block the clients and proxies of a test.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let channel: any Channel
    private let sent: NIOLockedValueBox<Int>

    /// Connects, and starts sending.
    /// - Parameter blocks: the number of blocks of at most 64 KiB after which it half-closes the connection, and keeps reading;
    ///   nil for no end.
    public static func start(_ kind: Kind, port: Int, path: String = "/echo", blocks: Int? = nil) async throws -> FloodClient {
        let sent = NIOLockedValueBox(0)
        let channel = try await ClientBootstrap(group: Self.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Handler(kind: kind, path: path, blocks: blocks, sent: sent)
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

    /// Bytes handed to the kernel since the handshake.
    public var bytes: Int { self.sent.withLockedValue { $0 } }

    public var isEnded: Bool { !self.channel.isActive }

    /// Closes the connection without a closing handshake.
    public func end() async { try? await self.channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let handshake: ByteBuffer
        private let block: ByteBuffer
        private var blocks: Int?
        private let sent: NIOLockedValueBox<Int>
        private var isOpen = false

        init(kind: Kind, path: String, blocks: Int?, sent: NIOLockedValueBox<Int>) {
            let fields = kind == .compressed ? ["Sec-WebSocket-Extensions: permessage-deflate"] : []
            self.handshake = ByteBuffer(bytes: HandshakeRequest.bytes(path: path, fields: fields))
            self.block = ByteBuffer(bytes: kind.block)
            self.blocks = blocks
            self.sent = sent
        }

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(self.wrapOutboundOut(self.handshake), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // The first bytes belong to the 101, or to a refusal after which the server closes the connection.
            guard !self.isOpen else { return }
            self.isOpen = true
            self.write(context)
        }

        /// One block at a time: the next one is written when the kernel has taken this one.
        private func write(_ context: ChannelHandlerContext) {
            guard self.blocks != 0 else { return context.close(mode: .output, promise: nil) }
            self.blocks = self.blocks.map { $0 - 1 }
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
