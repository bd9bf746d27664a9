import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A TCP server with scripted answers, for bytes that no real Redis sends.
public final class FakeRedis: Sendable {
    /// Gets all bytes of a connection since the last answer.
    public typealias Script = @Sendable (_ connection: Int, _ received: String) -> Answer

    public enum Answer: Sendable {
        case bytes([UInt8])
        case text(String)
        /// Sends nothing, and keeps the connection open.
        case silence
        case close
    }

    public let port: Int
    private let channel: any Channel
    private let connectionCount: NIOLockedValueBox<Int>

    /// - Parameters:
    ///   - host: any address of this machine.
    ///   - port: 0 for any free port.
    public static func start(host: String = "127.0.0.1", port: Int = 0, _ script: @escaping Script) async throws -> FakeRedis {
        let count = NIOLockedValueBox(0)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let number = count.withLockedValue { count in
                    count += 1
                    return count
                }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(connection: number, script: script))
                }
            }
            .bind(host: host, port: port)
            .get()
        return FakeRedis(port: channel.localAddress?.port ?? 0, channel: channel, connectionCount: count)
    }

    private init(port: Int, channel: any Channel, connectionCount: NIOLockedValueBox<Int>) {
        self.port = port
        self.channel = channel
        self.connectionCount = connectionCount
    }

    /// Connections accepted so far.
    public var connections: Int { self.connectionCount.withLockedValue { $0 } }

    public func stop() async { try? await self.channel.close() }

    /// The answer of a Redis to the commands of a handshake, and to PING; nil for anything else.
    public static func greeting(to received: String) -> String? {
        var answer = ""
        for line in received.split(separator: "\r\n") {
            switch line {
            case "SETNAME", "AUTH", "SELECT": answer += "+OK\r\n"
            case "ROLE": answer += "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
            case "HELLO": answer += Self.hello
            case "PING": answer += "+PONG\r\n"
            default: break
            }
        }
        return answer.isEmpty ? nil : answer
    }

    private static let hello: String = {
        let texts = ["server", "redis", "version", "7.0.15", "mode", "standalone", "role", "master"]
        return "*\(texts.count + 2)\r\n" + texts.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined() + "$7\r\nmodules\r\n*0\r\n"
    }()

    /// The answer of a Redis to SSUBSCRIBE; empty for anything else.
    public static func acknowledgement(of received: String) -> String {
        guard received.contains("SSUBSCRIBE") else { return "" }
        let channels = received.split(separator: "\r\n").filter { $0.contains("{") }
        return channels.map { "*3\r\n$10\r\nssubscribe\r\n$\($0.utf8.count)\r\n\($0)\r\n:1\r\n" }.joined()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let connection: Int
        private let script: Script

        init(connection: Int, script: @escaping Script) {
            self.connection = connection
            self.script = script
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.script(self.connection, String(buffer: self.unwrapInboundIn(data))) {
            case .bytes(let bytes): context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .text(let text): context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            case .silence: break
            case .close: context.close(promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
