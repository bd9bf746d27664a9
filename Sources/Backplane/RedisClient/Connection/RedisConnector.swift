import NIOCore

/// Whom a connection is to.
enum RedisPeer: Hashable, Sendable {
    case master
    /// Gets the password only where one is asked for: most have none, and refuse to be given one.
    case sentinel(asksForPassword: Bool)
}

/// Why a server could not be linked to. The texts are for operators, name no password, and are the same for each attempt that fails alike.
enum RedisDialError: Error, Hashable, Sendable {
    case unreachable(String)
    /// A replica where a master is wanted.
    case replica
    /// A password is wanted, and none was given.
    case passwordWanted(String)
    /// Answers, but not as a server that can be used now.
    case otherServer(String)

    var reason: String {
        switch self {
        case .unreachable(let reason), .passwordWanted(let reason), .otherServer(let reason): reason
        case .replica: "the server is a replica, not a master"
        }
    }

    /// Of the addresses of one name, what most of all tells an operator why none can be used.
    fileprivate var weight: Int {
        switch self {
        case .passwordWanted: 3
        case .replica: 2
        case .otherServer: 1
        case .unreachable: 0
        }
    }
}

/// Gets a connection that is ready for use, from whichever address of a host is the first to give one. Belongs to one event loop.
///
/// The name is looked up each time. Its addresses are tried one after the other, the next as soon as one has failed or has had
/// ``headStart``, each with all that a connection needs: one that can be connected to, but is dead, or a replica, keeps nobody from the others.
final class RedisConnector {
    typealias Completion = (Result<RedisChannelHandler, RedisDialError>) -> Void

    /// How long an address is tried before the next is tried as well: 250 ms (RFC 8305 section 8).
    static let headStart = TimeAmount.milliseconds(250)
    /// Addresses that are tried at a time: 4.
    static let maximumAttempts = 4

    /// What each attempt needs, whichever address it is to.
    struct Settings {
        /// Its name is what a certificate must have.
        let server: RedisAddress
        let role: String
        let peer: RedisPeer
        let subscribes: Bool
        let configuration: RedisConfiguration
        let tls: RedisTLS?
        let eventLoop: NIOIsolatedEventLoop
    }

    private static let unresolved = RedisDialError.unreachable("the host's name does not resolve")

    private let settings: Settings
    private let lookup: RedisResolver.Lookup
    private var addresses: ArraySlice<SocketAddress> = []
    private var attempts: [RedisConnectionAttempt] = []
    private var failures: [RedisDialError] = []
    private var timer: Scheduled<Void>?
    private var completion: Completion?

    var address: RedisAddress { self.settings.server }

    /// - Parameters:
    ///   - role: what the connection is for, in Redis' client list.
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

    /// The completion is not called any more; what comes of the attempt is closed.
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
        self.timer = self.settings.eventLoop.scheduleTask(in: Self.headStart) { [weak self] in self?.tryNext() }
        attempt.start { [weak attempt] result in
            self.attempts.removeAll { $0 === attempt }
            switch result {
            case .success: self.finish(result)
            case .failure(let error):
                self.failures.append(error)
                self.tryNext()
                if self.attempts.isEmpty { self.finish(.failure(self.worst)) }
            }
        }
    }

    /// The first of those that tell most.
    private var worst: RedisDialError { self.failures.max { $0.weight < $1.weight } ?? Self.unresolved }

    private func finish(_ result: Result<RedisChannelHandler, RedisDialError>) {
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
