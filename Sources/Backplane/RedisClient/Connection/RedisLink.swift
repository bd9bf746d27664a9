import Logging
import NIOCore

/// Receives the events of a link. All calls are made on the link's event loop.
protocol RedisLinkDelegate: AnyObject {
    func linkBecameReady(_ link: RedisLink)
    /// The link was ready and is lost. It reconnects by itself. Pending commands have failed before this call.
    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss)
    /// An attempt to connect has failed. The link tries again by itself.
    func linkDidNotConnect(_ link: RedisLink)
    func link(_ link: RedisLink, received pushes: [RedisPush])
}

extension RedisLinkDelegate {
    func linkDidNotConnect(_ link: RedisLink) {}
}

/// Keeps one connection to Redis up: reconnects after a pause whenever the connection is lost, and follows the master.
/// ``RedisDialer`` sets up the connections, ``RedisLivenessCheck`` detects a server that does not answer or is not a master any
/// more. Belongs to one event loop.
final class RedisLink {
    /// The server that a link connects to.
    enum Destination {
        /// The master that the resolver knows. A link that has been started is told when the master changes.
        case master(MasterResolverCore)
        /// `asksForPassword`: whether the sentinel has refused an attempt without a password.
        case sentinel(RedisAddress, asksForPassword: Bool = false)
    }

    private struct Connection {
        let handler: RedisChannelHandler
        let address: RedisAddress
    }

    private var destination: Destination
    /// Whether there are credentials for a sentinel that asks for them.
    private let hasSentinelPassword: Bool
    private let dialer: RedisDialer
    private let reconnectTimer: ReconnectTimer
    private let livenessCheck: RedisLivenessCheck
    private var logger: Logger
    private var machine = StateMachine()
    private var connection: Connection?
    weak var delegate: (any RedisLinkDelegate)?

    /// - Parameters:
    ///   - role: the purpose of the link, for logs and Redis' client list.
    ///   - eventLoop: the event loop of the caller and of the destination.
    ///   - subscribes: whether the link is for (S)SUBSCRIBE and (S)UNSUBSCRIBE. It then accepts no other commands.
    ///   - lookup: resolves the server's addresses for each attempt.
    ///   - random: the part of the largest pause that the link waits before it reconnects, 0 to 1.
    init(
        role: String,
        to destination: Destination,
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        subscribes: Bool = false,
        logger: Logger,
        lookup: @escaping RedisResolver.Lookup = RedisResolver.system,
        random: @escaping () -> Double = { .random(in: 0...1) }
    ) {
        let eventLoop = eventLoop.assumeIsolated()
        let backoff = Backoff(minimum: configuration.reconnectMinimum, maximum: configuration.reconnectMaximum)
        let asksForRole = if case .master = destination { !subscribes } else { false }
        self.destination = destination
        self.hasSentinelPassword = configuration.credentials(for: .sentinel(asksForPassword: true)) != nil
        self.dialer = RedisDialer(
            as: role,
            subscribes: subscribes,
            configuration: configuration,
            eventLoop: eventLoop,
            lookup: lookup
        )
        self.reconnectTimer = ReconnectTimer(backoff, eventLoop: eventLoop, random: random)
        self.livenessCheck = RedisLivenessCheck(eventLoop: eventLoop, asksForRole: asksForRole)
        self.logger = logger
        self.logger[metadataKey: RedisLogKey.link] = "\(role)"
        self.livenessCheck.foundReplica = { [weak self] in
            guard let self, let address = self.address else { return }
            self.foundReplica(at: address)
        }
    }

    /// The server that the link is connected to.
    var address: RedisAddress? { self.connection?.address }
    var isReady: Bool { self.machine.isReady }
    var state: StateMachine.State { self.machine.state }

    /// Why the link is down, or was down last.
    var reason: String {
        if case .master(let resolver) = self.destination, self.machine.state == .connecting, resolver.master == nil {
            return resolver.reason
        }
        return self.machine.reason
    }

    func start() {
        guard self.machine.started() else { return }
        if case .master(let resolver) = self.destination { resolver.attach(self) }
        self.connect()
    }

    /// Stops the link permanently. The delegate is not called.
    func stop() {
        self.machine.stop()
        if case .master(let resolver) = self.destination { resolver.detach(self) }
        self.livenessCheck.stop()
        self.reconnectTimer.cancel()
        self.delegate = nil
        self.dialer.cancel()
        self.connection?.handler.close(reason: "shut down")
        self.connection = nil
    }

    /// Queues a command for ``flush()``. `reply` is called once. When the link is down, it is called at once, with the reason.
    func send(_ command: RESPCommand, reply: @escaping RedisChannelHandler.Reply) {
        guard self.isReady, let connection else {
            reply(.failure(RedisLinkError(reason: self.reason)))
            return
        }
        connection.handler.send(command, reply: reply)
    }

    /// Queues a (S)SUBSCRIBE or (S)UNSUBSCRIBE for ``flush()``. Does nothing when the link is down.
    func sendSubscription(_ command: RESPCommand, channels: Int) {
        guard self.isReady else { return }
        self.connection?.handler.sendSubscription(command, channels: channels)
    }

    func flush() {
        self.connection?.handler.flush()
    }

    /// Closes the connection for a reason that the link's user has found, and connects again.
    /// - Parameter reason: for operators.
    func reconnect(reason: String) {
        self.connection?.handler.close(reason: reason)
    }

    /// The resolver has found the master, or a new one.
    func moved(to master: RedisAddress) {
        switch self.machine.moved(isElsewhere: self.address != master) {
        case .none: break
        case .reconnect: self.reconnect(reason: "the master is now \(master)")
        case .connect:
            self.reconnectTimer.cancel()
            guard self.dialer.target != master else { return }
            self.dialer.cancel()
            self.connect()
        }
    }

    // MARK: - Connecting

    private func connect() {
        let address: RedisAddress
        let peer: RedisPeer
        switch self.destination {
        case .master(let resolver):
            // The resolver calls `moved(to:)` once it knows the master.
            guard let master = resolver.master else { return }
            (address, peer) = (master, .master)
        case .sentinel(let sentinel, let asksForPassword):
            (address, peer) = (sentinel, .sentinel(asksForPassword: asksForPassword))
        }
        self.logger[metadataKey: RedisLogKey.address] = "\(address)"
        self.dialer.dial(address, as: peer) { [weak self] result in
            switch result {
            case .success(let handler):
                guard let self else { return handler.close(reason: "cancelled") }
                self.connected(handler, at: address)
            case .failure(let error): self?.failed(error, at: address)
            }
        }
    }

    private func connected(_ handler: RedisChannelHandler, at address: RedisAddress) {
        guard self.machine.connected(at: .now()) else { return handler.close(reason: "shut down") }
        self.connection = Connection(handler: handler, address: address)
        handler.isReady = true
        handler.onClose = { [weak self] in self?.lost($0) }
        handler.onPushes = { [weak self] pushes in
            guard let self else { return }
            self.delegate?.link(self, received: pushes)
        }
        self.logger.info("Redis link is up")
        if case .master(let resolver) = self.destination {
            handler.onAnswer = resolver.answered
            resolver.linkIsUp()
        }
        self.livenessCheck.start(handler)
        self.delegate?.linkBecameReady(self)
    }

    private func failed(_ error: RedisConnectError, at address: RedisAddress) {
        if case .passwordRequired = error, case .sentinel(let sentinel, false) = self.destination, self.hasSentinelPassword {
            self.destination = .sentinel(sentinel, asksForPassword: true)
            return self.connect()
        }
        if error == .replica { self.foundReplica(at: address) }
        self.lost(RedisLinkLoss(reason: error.reason))
    }

    private func foundReplica(at address: RedisAddress) {
        if case .master(let resolver) = self.destination { resolver.foundReplica(at: address) }
    }

    private func lost(_ loss: RedisLinkLoss) {
        self.livenessCheck.stop()
        self.connection = nil
        switch self.machine.lost(reason: loss.reason, at: .now()) {
        case .none: break
        case .pause(let attempt, let wasReady, let reasonIsNew):
            var isNewReason = reasonIsNew
            if case .master(let resolver) = self.destination {
                isNewReason = resolver.linkIsDown(reason: loss.reason) && isNewReason
            }
            let metadata: Logger.Metadata = [RedisLogKey.reason: "\(loss.reason)"]
            self.logger.log(level: isNewReason ? .warning : .debug, "Redis link is down", metadata: metadata)
            self.reconnectTimer.start(attempt: attempt) { [weak self] in
                guard let self, self.machine.pauseEnded() else { return }
                self.connect()
            }
            if wasReady { self.delegate?.linkWasLost(self, loss) } else { self.delegate?.linkDidNotConnect(self) }
        }
    }
}

@available(*, unavailable)
extension RedisLink: Sendable {}
