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

/// Keeps one connection to Redis up. It connects to its server, checks every second whether the server still answers and is still
/// a master, and reconnects after a pause whenever the connection is lost. Belongs to one event loop.
final class RedisLink {
    /// The server that a link connects to.
    enum Destination {
        /// The master that the resolver knows. A link that has been started is told when the master changes.
        case master(MasterResolverCore)
        case sentinel(RedisAddress)
    }

    /// The interval of the liveness check. Together with the command timeout it limits how long a frozen Redis stays undetected.
    static let livenessInterval = TimeAmount.seconds(1)

    let role: String
    let destination: Destination
    private let configuration: RedisConfiguration
    let eventLoop: NIOIsolatedEventLoop
    let subscribes: Bool
    private let backoff: Backoff
    private let random: () -> Double
    private let lookup: RedisResolver.Lookup
    private let tls: RedisTLS?
    private var logger: Logger
    private var machine = StateMachine()
    private var connector: RedisConnector?
    private(set) var handler: RedisChannelHandler?
    /// The address that `handler` is connected to.
    private(set) var address: RedisAddress?
    private var sentinelAsksForPassword = false
    var livenessTimer: Scheduled<Void>?
    private var pauseTimer: Scheduled<Void>?
    weak var delegate: (any RedisLinkDelegate)?

    /// - Parameters:
    ///   - role: the purpose of the link, for logs and Redis' client list.
    ///   - eventLoop: the event loop of the caller and of the destination.
    ///   - subscribes: whether the link is for SUBSCRIBE and UNSUBSCRIBE. It then accepts no other commands.
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
        self.role = role
        self.destination = destination
        self.configuration = configuration
        self.eventLoop = eventLoop.assumeIsolated()
        self.subscribes = subscribes
        self.backoff = Backoff(minimum: configuration.reconnectMinimum, maximum: configuration.reconnectMaximum)
        self.lookup = lookup
        self.random = random
        self.tls = RedisTLS(configuration)
        self.logger = logger
        self.logger[metadataKey: RedisLogKey.link] = "\(role)"
    }

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
        self.livenessTimer?.cancel()
        self.pauseTimer?.cancel()
        self.delegate = nil
        self.connector?.cancel()
        self.connector = nil
        self.handler?.close(reason: "shut down")
        self.handler = nil
    }

    /// Queues a command for ``flush()``. `reply` is called once. When the link is down, it is called at once, with the reason.
    func send(_ command: RESPCommand, reply: @escaping RedisChannelHandler.Reply) {
        guard self.isReady, let handler else {
            reply(.failure(RedisLinkError(reason: self.reason)))
            return
        }
        handler.send(command, reply: reply)
    }

    /// Queues a SUBSCRIBE or UNSUBSCRIBE for ``flush()``. Does nothing when the link is down.
    func sendSubscription(_ command: RESPCommand, channels: Int) {
        guard self.isReady else { return }
        self.handler?.sendSubscription(command, channels: channels)
    }

    func flush() {
        self.handler?.flush()
    }

    /// Closes the connection for a reason that the link's user has found, and connects again.
    func drop(reason: String) {
        self.handler?.close(reason: reason)
    }

    /// The resolver has found the master, or a new one.
    func moved(to master: RedisAddress) {
        switch self.machine.moved(isElsewhere: self.address != master) {
        case .none: break
        case .drop: self.drop(reason: "the master is now \(master)")
        case .connect:
            self.pauseTimer?.cancel()
            guard self.connector?.address != master else { return }
            self.connector?.cancel()
            self.connector = nil
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
        case .sentinel(let sentinel):
            (address, peer) = (sentinel, .sentinel(asksForPassword: self.sentinelAsksForPassword))
        }
        self.logger[metadataKey: RedisLogKey.address] = "\(address)"
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
            switch result {
            case .success(let handler): self.connected(handler, at: address)
            case .failure(let error): self.failed(error, at: address)
            }
        }
    }

    private func connected(_ handler: RedisChannelHandler, at address: RedisAddress) {
        guard self.machine.connected(at: .now()) else { return handler.close(reason: "shut down") }
        self.handler = handler
        self.address = address
        handler.isReady = true
        handler.onClose = { [weak self] in self?.lost($0) }
        handler.onPushes = { [weak self] pushes in
            guard let self else { return }
            self.delegate?.link(self, received: pushes)
        }
        self.logger.info("Redis link is up")
        if case .master(let resolver) = self.destination { resolver.linkIsUp() }
        self.scheduleLivenessCheck()
        self.delegate?.linkBecameReady(self)
    }

    private func failed(_ error: RedisConnectError, at address: RedisAddress) {
        if case .passwordRequired = error, case .sentinel = self.destination,
            self.configuration.credentials(for: .sentinel(asksForPassword: true)) != nil,
            !self.sentinelAsksForPassword
        {
            self.sentinelAsksForPassword = true
            return self.connect()
        }
        if error == .replica { self.foundReplica(at: address) }
        self.lost(RedisLinkLoss(reason: error.reason))
    }

    func foundReplica(at address: RedisAddress) {
        if case .master(let resolver) = self.destination { resolver.foundReplica(at: address) }
    }

    private func lost(_ loss: RedisLinkLoss) {
        self.livenessTimer?.cancel()
        self.livenessTimer = nil
        self.handler = nil
        self.address = nil
        switch self.machine.lost(reason: loss.reason, at: .now()) {
        case .none: break
        case .pause(let attempt, let wasReady, let reasonIsNew):
            var isNewReason = reasonIsNew
            if case .master(let resolver) = self.destination {
                isNewReason = resolver.linkIsDown(reason: loss.reason) && isNewReason
            }
            let metadata: Logger.Metadata = [RedisLogKey.reason: "\(loss.reason)"]
            self.logger.log(level: isNewReason ? .warning : .debug, "Redis link is down", metadata: metadata)
            let pause = self.backoff.pause(attempt: attempt, random: self.random())
            self.pauseTimer = self.eventLoop.scheduleTask(in: TimeAmount(pause)) { [weak self] in
                guard let self, self.machine.pauseEnded() else { return }
                self.connect()
            }
            if wasReady { self.delegate?.linkWasLost(self, loss) } else { self.delegate?.linkDidNotConnect(self) }
        }
    }
}

@available(*, unavailable)
extension RedisLink: Sendable {}
