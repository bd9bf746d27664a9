import NIOCore
import NIOPosix

/// One attempt to set up a connection to one address: TCP, TLS and handshake. Belongs to one event loop.
final class RedisConnectionAttempt {
    private let address: SocketAddress
    private let settings: RedisConnector.Settings
    private var handler: RedisChannelHandler?
    private var deadline: Scheduled<Void>?
    private var completion: RedisConnector.Completion?

    init(to address: SocketAddress, _ settings: RedisConnector.Settings) {
        self.address = address
        self.settings = settings
    }

    /// - Parameter completion: called once, unless the attempt is cancelled first.
    func start(completion: @escaping RedisConnector.Completion) {
        self.completion = completion
        let loopBound = NIOLoopBound(self, eventLoop: self.settings.eventLoop.nonisolated())
        ClientBootstrap(group: self.settings.eventLoop.nonisolated())
            .connectTimeout(TimeAmount(self.settings.configuration.connectTimeout))
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

    /// Cancels the attempt. The completion is not called any more; a connection that has been set up is closed.
    func cancel() {
        self.completion = nil
        self.deadline?.cancel()
        self.handler?.close(reason: "cancelled")
    }

    private func initialize(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls = self.settings.tls { try pipeline.addHandler(try tls.makeHandler(for: self.settings.server)) }
        let timeout = TimeAmount(self.settings.configuration.commandTimeout)
        try pipeline.addHandler(RedisChannelHandler(timeout: timeout, subscribes: self.settings.subscribes))
    }

    private func connected(_ channel: any Channel) {
        guard let handler = try? channel.pipeline.syncOperations.handler(type: RedisChannelHandler.self), !handler.closed else {
            return self.finish(.failure(.unreachable("Redis closed the connection")))
        }
        guard self.completion != nil else { return handler.close(reason: "cancelled") }
        self.handler = handler
        // Each answer has its own timeout, but an answer that arrives one byte at a time would never exceed it.
        self.deadline = self.settings.eventLoop.scheduleTask(in: TimeAmount(self.settings.configuration.commandTimeout * 2)) {
            [weak self] in
            self?.finish(.failure(.unreachable("the handshake was not complete within the timeout")))
        }
        RedisHandshake.perform(
            on: handler,
            as: self.settings.role,
            with: self.settings.peer,
            configuration: self.settings.configuration
        ) { result in
            switch result {
            case .success: self.finish(.success(handler))
            case .failure(let error):
                if let cause = handler.failure { self.failed(cause) } else { self.finish(.failure(error)) }
            }
        }
    }

    private func failed(_ error: any Error) {
        guard let tls = self.settings.tls, RedisTLS.isUntrusted(error) else {
            return self.finish(.failure(.unreachable(RedisLink.describe(error))))
        }
        tls.examine(
            self.settings.server,
            connectTimeout: self.settings.configuration.connectTimeout,
            eventLoop: self.settings.eventLoop
        ) { reason in
            self.finish(.failure(.unreachable(reason)))
        }
    }

    private func finish(_ result: Result<RedisChannelHandler, RedisConnectError>) {
        self.deadline?.cancel()
        guard let completion else { return }
        self.completion = nil
        if case .failure(let error) = result { self.handler?.close(reason: error.reason) }
        completion(result)
    }
}

@available(*, unavailable)
extension RedisConnectionAttempt: Sendable {}
