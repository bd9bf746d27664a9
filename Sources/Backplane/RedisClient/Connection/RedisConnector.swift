import NIOCore

/// The kind of server at the other end of a connection.
enum RedisPeer: Hashable, Sendable {
    case master
    /// Gets the password only if it asks for one: most sentinels have none, and refuse one.
    case sentinel(asksForPassword: Bool)
}

/// Why a connection could not be set up. The texts are for operators and contain no password. Attempts that fail for the same
/// reason have the same text.
enum RedisConnectError: Error, Hashable, Sendable {
    case unreachable(String)
    /// The server is a replica, but a master is needed.
    case replica
    /// The server requires a password, and none was sent.
    case passwordRequired(String)
    /// The server answers, but cannot be used now.
    case notUsable(String)

    var reason: String {
        switch self {
        case .unreachable(let reason), .passwordRequired(let reason), .notUsable(let reason): reason
        case .replica: "the server is a replica, not a master"
        }
    }

    /// Of the failures of a host's addresses, the one with the highest value is the most useful for an operator.
    fileprivate var precedence: Int {
        switch self {
        case .passwordRequired: 3
        case .replica: 2
        case .notUsable: 1
        case .unreachable: 0
        }
    }
}

/// Sets up a connection to a host, over the first address that succeeds. Belongs to one event loop.
///
/// The name is resolved each time. The addresses are tried in order; the next attempt starts when one has failed or has taken
/// ``attemptDelay``. Each attempt includes TLS and the handshake, so an address that accepts connections but hangs, or is a replica,
/// does not block the others.
final class RedisConnector {
    typealias Completion = (Result<RedisChannelHandler, RedisConnectError>) -> Void

    /// How long an attempt runs before the next one starts beside it: 250 ms (Connection Attempt Delay, RFC 8305 section 8).
    static let attemptDelay = TimeAmount.milliseconds(250)
    /// Concurrent attempts: at most 4.
    static let maximumAttempts = 4

    /// What every attempt needs, for any address.
    struct Settings {
        /// A certificate must be for its host.
        let server: RedisAddress
        let role: String
        let peer: RedisPeer
        let subscribes: Bool
        let configuration: RedisConfiguration
        let tls: RedisTLS?
        let eventLoop: NIOIsolatedEventLoop
    }

    private static let unresolved = RedisConnectError.unreachable("the host's name does not resolve")

    private let settings: Settings
    private let lookup: RedisResolver.Lookup
    private var addresses: ArraySlice<SocketAddress> = []
    private var attempts: [RedisConnectionAttempt] = []
    private var failures: [RedisConnectError] = []
    private var timer: Scheduled<Void>?
    private var completion: Completion?

    var address: RedisAddress { self.settings.server }

    /// - Parameters:
    ///   - role: the purpose of the connection, for Redis' client list.
    ///   - tls: nil for plain TCP.
    init(
        to address: RedisAddress,
        as role: String,
        peer: RedisPeer,
        subscribes: Bool,
        configuration: RedisConfiguration,
        tls: RedisTLS?,
        eventLoop: NIOIsolatedEventLoop,
        lookup: @escaping RedisResolver.Lookup = RedisResolver.system
    ) {
        self.settings = Settings(
            server: address,
            role: role,
            peer: peer,
            subscribes: subscribes,
            configuration: configuration,
            tls: tls,
            eventLoop: eventLoop
        )
        self.lookup = lookup
    }

    /// - Parameter completion: called once, unless the attempt is cancelled first.
    func start(completion: @escaping Completion) {
        self.completion = completion
        self.lookup(self.address, self.settings.eventLoop.nonisolated()).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let addresses):
                self.addresses = addresses[...]
                self.tryNext()
            case .failure: self.finish(.failure(Self.unresolved))
            }
        }
    }

    /// Cancels all attempts. The completion is not called any more; a connection that has been set up is closed.
    func cancel() {
        self.completion = nil
        self.end()
    }

    private func tryNext() {
        self.timer?.cancel()
        guard self.completion != nil, self.attempts.count < Self.maximumAttempts, let address = self.addresses.popFirst()
        else { return }
        let attempt = RedisConnectionAttempt(to: address, self.settings)
        self.attempts.append(attempt)
        self.timer = self.settings.eventLoop.scheduleTask(in: Self.attemptDelay) { [weak self] in self?.tryNext() }
        attempt.start { [weak attempt] result in
            self.attempts.removeAll { $0 === attempt }
            switch result {
            case .success: self.finish(result)
            case .failure(let error):
                self.failures.append(error)
                self.tryNext()
                if self.attempts.isEmpty { self.finish(.failure(self.reportedFailure)) }
            }
        }
    }

    /// The most useful failure; of equal ones the first.
    private var reportedFailure: RedisConnectError { self.failures.max { $0.precedence < $1.precedence } ?? Self.unresolved }

    private func finish(_ result: Result<RedisChannelHandler, RedisConnectError>) {
        let completion = self.completion
        self.completion = nil
        self.end()
        completion?(result)
    }

    private func end() {
        self.timer?.cancel()
        self.addresses = []
        let attempts = self.attempts
        self.attempts = []
        for attempt in attempts { attempt.cancel() }
    }
}

@available(*, unavailable)
extension RedisConnector: Sendable {}
