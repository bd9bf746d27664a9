import NIOCore

/// Sets up the connections of a ``RedisLink``, one at a time. Belongs to one event loop.
final class RedisDialer {
    typealias Completion = (Result<RedisChannelHandler, RedisConnectError>) -> Void

    private let role: String
    private let subscribes: Bool
    private let configuration: RedisConfiguration
    private let eventLoop: NIOIsolatedEventLoop
    private let lookup: RedisResolver.Lookup
    private let tls: RedisTLS?
    /// The attempt in progress.
    private var connector: RedisConnector?

    /// - Parameters:
    ///   - role: the purpose of the connections, for Redis' client list.
    ///   - lookup: resolves the server's addresses for each attempt.
    init(
        as role: String,
        subscribes: Bool,
        configuration: RedisConfiguration,
        eventLoop: NIOIsolatedEventLoop,
        lookup: @escaping RedisResolver.Lookup
    ) {
        self.role = role
        self.subscribes = subscribes
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.lookup = lookup
        self.tls = RedisTLS(configuration)
    }

    /// The server that the attempt in progress is for.
    var target: RedisAddress? { self.connector?.address }

    /// - Parameter completion: called once, unless ``cancel()`` is called first.
    func dial(_ address: RedisAddress, as peer: RedisPeer, completion: @escaping Completion) {
        let connector = RedisConnector(
            to: address,
            as: self.role,
            peer: peer,
            subscribes: self.subscribes,
            configuration: self.configuration,
            tls: self.tls,
            eventLoop: self.eventLoop,
            lookup: self.lookup
        )
        self.connector = connector
        connector.start { [weak self] result in
            guard let self else {
                if case .success(let handler) = result { handler.close(reason: "cancelled") }
                return
            }
            self.connector = nil
            completion(result)
        }
    }

    /// Cancels the attempt in progress. A connection that has been set up is closed.
    func cancel() {
        self.connector?.cancel()
        self.connector = nil
    }
}

@available(*, unavailable)
extension RedisDialer: Sendable {}
