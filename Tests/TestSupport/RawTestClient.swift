import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A TCP client for bytes that no proper client would send.
public final class RawTestClient: Sendable {
    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    private struct State {
        var received: [UInt8] = []
        var isEnded = false
        var isTruncated = false
    }

    /// - Parameters:
    ///   - tls: nil: plain TCP.
    ///   - preface: sent before anything else, TLS included, as a proxy does.
    ///   - goesOn: whether it goes on when the server has ended its half; then ``isEnded`` means both.
    public static func connect(
        port: Int,
        tls: TestTLS? = nil,
        preface: [UInt8] = [],
        goesOn: Bool = false
    ) async throws -> RawTestClient {
        let state = NIOLockedValueBox(State())
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: goesOn)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Preface(bytes: preface))
                    try tls?.addHandler(to: channel)
                    try channel.pipeline.syncOperations.addHandler(Self.handler(state))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return RawTestClient(channel: channel, state: state)
    }

    private init(channel: any Channel, state: NIOLockedValueBox<State>) {
        self.channel = channel
        self.state = state
    }

    deinit { self.channel.close(promise: nil) }

    public func send(_ text: String) async throws { try await self.send(bytes: Array(text.utf8)) }

    public func send(bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// - Returns: whether the kernel has taken all of it within the deadline; it has not when the server ends the connection or does not
    ///   read. What it has not taken is sent as soon as it can be.
    public func sends(_ bytes: [UInt8], within deadline: Duration) async -> Bool {
        let result = NIOLockedValueBox<Bool?>(nil)
        self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { outcome in
            result.withLockedValue { $0 = (try? outcome.get()) != nil }
        }
        _ = await eventually(within: deadline) { result.withLockedValue { $0 } != nil }
        return result.withLockedValue { $0 } ?? false
    }

    /// Sends, waits for an answer, and resets the connection.
    public func reset(behind text: String, when isAnswered: (String) -> Bool) async throws {
        try await self.send(text)
        _ = await eventually { isAnswered(self.received) }
        try await (self.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await self.channel.close()
    }

    /// Says that nothing more will come, and goes on reading.
    public func endOutput() async throws { try await self.channel.close(mode: .output) }

    /// Takes nothing from the kernel any more.
    public func stopReading() async throws { try await self.channel.setOption(.autoRead, value: false).get() }

    public func goOnReading() async throws { try await self.channel.setOption(.autoRead, value: true).get() }

    /// All that came so far.
    public var received: String { String(decoding: self.bytes, as: UTF8.self) }

    public var bytes: [UInt8] { self.state.withLockedValue { $0.received } }

    /// The server has ended the connection.
    public var isEnded: Bool { self.state.withLockedValue { $0.isEnded } }

    /// A TLS connection ended without its `close_notify`.
    public var isTruncated: Bool { self.state.withLockedValue { $0.isTruncated } }

    private static func handler(_ state: NIOLockedValueBox<State>) -> InboundBytes {
        InboundBytes { bytes in
            state.withLockedValue { $0.received.append(contentsOf: bytes.readableBytesView) }
        } ended: {
            state.withLockedValue { $0.isEnded = true }
        } failed: { error in
            if error as? NIOSSLError == .uncleanShutdown { state.withLockedValue { $0.isTruncated = true } }
        }
    }
}
