import NIOCore
import NIOPosix

/// One attempt to get a connection that is ready for use from one address: TCP, TLS and handshake. Belongs to one event loop.
final class RedisDialAttempt {
    private let address: SocketAddress
    private let server: RedisAddress
    private let role: String
    private let peer: RedisPeer
    private let subscribes: Bool
    private let configuration: RedisConfiguration
    private let tls: RedisTLS?
    private let eventLoop: NIOIsolatedEventLoop
    private var handler: RedisChannelHandler?
    private var deadline: Scheduled<Void>?
    private var completion: RedisDial.Completion?

    /// - Parameters:
    ///   - server: which the address is of: its name is what a certificate must have.
    ///   - role: what the connection is for, in Redis' client list.
    ///   - tls: nil for plain TCP.
    init(
        to address: SocketAddress,
        of server: RedisAddress,
        as role: String,
        peer: RedisPeer,
        subscribes: Bool,
        configuration: RedisConfiguration,
        tls: RedisTLS?,
        eventLoop: NIOIsolatedEventLoop
    ) {
        self.address = address
        self.server = server
        self.role = role
        self.peer = peer
        self.subscribes = subscribes
        self.configuration = configuration
        self.tls = tls
        self.eventLoop = eventLoop
    }

    /// - Parameter completion: called once, unless the attempt is cancelled first.
    func start(completion: @escaping RedisDial.Completion) {
        self.completion = completion
        let loopBound = NIOLoopBound(self, eventLoop: self.eventLoop.nonisolated())
        ClientBootstrap(group: self.eventLoop.nonisolated())
            .connectTimeout(TimeAmount(self.configuration.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try loopBound.value.initialize(channel) }
            }
            .connect(to: self.address)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel): self.connected(channel)
                case .failure(let error): self.failed(error)
                }
            }
    }

    /// The completion is not called any more; what comes of the attempt is closed.
    func cancel() {
        self.completion = nil
        self.deadline?.cancel()
        self.handler?.close(reason: "given up")
    }

    private func initialize(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(try tls.makeHandler(for: self.server)) }
        let timeout = TimeAmount(self.configuration.commandTimeout)
        try pipeline.addHandler(RedisChannelHandler(timeout: timeout, subscribes: self.subscribes))
    }

    private func connected(_ channel: any Channel) {
        guard let handler = try? channel.pipeline.syncOperations.handler(type: RedisChannelHandler.self), !handler.closed else {
            return self.finish(.failure(.unreachable("Redis closed the connection")))
        }
        guard self.completion != nil else { return handler.close(reason: "given up") }
        self.handler = handler
        // Answers have deadlines of their own; one that comes a byte at a time would never miss it.
        self.deadline = self.eventLoop.scheduleTask(in: TimeAmount(self.configuration.commandTimeout * 2)) { [weak self] in
            self?.finish(.failure(.unreachable("the handshake was not done within the deadline")))
        }
        RedisHandshake.perform(on: handler, as: self.role, with: self.peer, configuration: self.configuration) { result in
            switch result {
            case .success: self.finish(.success(handler))
            case .failure(let error):
                if let cause = handler.failure { self.failed(cause) } else { self.finish(.failure(error)) }
            }
        }
    }

    private func failed(_ error: any Error) {
        guard let tls, RedisTLS.isUntrusted(error) else {
            return self.finish(.failure(.unreachable(RedisLink.describe(error))))
        }
        tls.examine(self.server, connectTimeout: self.configuration.connectTimeout, eventLoop: self.eventLoop) { reason in
            self.finish(.failure(.unreachable(reason)))
        }
    }

    private func finish(_ result: Result<RedisChannelHandler, RedisDialError>) {
        self.deadline?.cancel()
        guard let completion else { return }
        self.completion = nil
        if case .failure(let error) = result { self.handler?.close(reason: error.reason) }
        completion(result)
    }
}

@available(*, unavailable)
extension RedisDialAttempt: Sendable {}
