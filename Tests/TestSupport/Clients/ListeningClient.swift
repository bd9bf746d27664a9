import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A WebSocket client that sends nothing and only counts what it receives: small enough for thousands in one test.
public final class ListeningClient: Sendable {
    public struct Failure: Error {
        public let answer: String
    }

    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    fileprivate struct State {
        /// Bytes before the end of the handshake.
        var answer = ByteBuffer()
        var isOpen = false
        /// Bytes after the handshake.
        var bytes = 0
        var lastBytes: [UInt8] = []
        /// The length of each timed message in bytes.
        var messageBytes: Int?
        var timedBytes = 0
        var arrivals: [ContinuousClock.Instant] = []
    }

    /// Connects many clients, some of them at the same time.
    /// - Parameter receiveBuffer: the kernel's receive buffer of each client in bytes; nil for the default.
    public static func connect(
        _ count: Int,
        port: Int,
        path: String = "/ws",
        receiveBuffer: Int? = nil
    ) async throws -> [ListeningClient] {
        _ = OpenFiles.raised
        return try await withThrowingTaskGroup(of: ListeningClient.self) { group in
            var clients: [ListeningClient] = []
            for index in 0..<count {
                // No more concurrent attempts than the queue of a listener can certainly hold.
                if index >= 64, let client = try await group.next() { clients.append(client) }
                group.addTask { try await self.connect(port: port, path: path, receiveBuffer: receiveBuffer) }
            }
            for try await client in group { clients.append(client) }
            return clients
        }
    }

    private static func connect(port: Int, path: String, receiveBuffer: Int?) async throws -> ListeningClient {
        let state = NIOLockedValueBox(State())
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        InboundBytes { bytes in state.withLockedValue { $0.received(bytes) } }
                    )
                }
            }
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        let client = ListeningClient(channel: channel, state: state)
        try await channel.writeAndFlush(ByteBuffer(bytes: HandshakeRequest.bytes(path: path)))
        guard await eventually({ state.withLockedValue { $0.isOpen } }) else {
            throw Failure(answer: state.withLockedValue { String(buffer: $0.answer) })
        }
        return client
    }

    private init(channel: any Channel, state: NIOLockedValueBox<State>) {
        self.channel = channel
        self.state = state
    }

    deinit { self.channel.close(promise: nil) }

    /// Stops reading from the socket.
    public func stopReading() async throws { try await self.channel.setOption(.autoRead, value: false).get() }

    /// Reads again, with a larger receive buffer, so that much data arrives soon.
    public func resumeReading() async throws {
        try await self.channel.setOption(.socketOption(.so_rcvbuf), value: 1 << 20).get()
        try await self.channel.setOption(.autoRead, value: true).get()
    }

    /// Bytes received since the handshake, headers of frames included.
    public var bytes: Int { self.state.withLockedValue { $0.bytes } }

    /// The last 256 bytes at most.
    public var lastBytes: [UInt8] { self.state.withLockedValue { $0.lastBytes } }

    /// From now on, records when each message is complete.
    /// - Parameter messageBytes: the length of each message, including the header of its frame.
    public func beginTiming(messageBytes: Int) {
        self.state.withLockedValue { state in
            state.messageBytes = messageBytes
            state.timedBytes = 0
            state.arrivals = []
        }
    }

    /// When the messages since ``beginTiming(messageBytes:)`` were complete.
    public var arrivals: [ContinuousClock.Instant] { self.state.withLockedValue { $0.arrivals } }
}

extension ListeningClient.State {
    mutating func received(_ bytes: ByteBuffer) {
        var bytes = bytes
        if !self.isOpen {
            self.answer.writeImmutableBuffer(bytes)
            let view = self.answer.readableBytesView
            guard view.starts(with: "HTTP/1.1 101 ".utf8), let end = view.firstRange(of: "\r\n\r\n".utf8)?.upperBound else {
                return
            }
            self.isOpen = true
            bytes = self.answer.getSlice(at: end, length: view.endIndex - end) ?? ByteBuffer()
        }
        guard bytes.readableBytes > 0 else { return }
        self.bytes += bytes.readableBytes
        self.lastBytes = (self.lastBytes + bytes.readableBytesView.suffix(256)).suffix(256)
        guard let messageBytes = self.messageBytes else { return }
        self.timedBytes += bytes.readableBytes
        let now = ContinuousClock.now
        while self.arrivals.count < self.timedBytes / messageBytes { self.arrivals.append(now) }
    }
}
