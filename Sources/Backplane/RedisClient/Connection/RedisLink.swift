import Logging
import NIOCore

/// Whom a link tells what becomes of it. All calls come on the link's event loop.
protocol RedisLinkDelegate: AnyObject {
    func linkBecameReady(_ link: RedisLink)
    /// The link was ready and is no longer. It connects again by itself. Unanswered commands have failed before this is called.
    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss)
    /// An attempt to connect has failed. Another follows by itself.
    func linkDidNotConnect(_ link: RedisLink)
    func link(_ link: RedisLink, received pushes: [RedisPush])
}

extension RedisLinkDelegate {
    func linkDidNotConnect(_ link: RedisLink) {}
}

/// Keeps one connection to Redis up: connects to the server it is to be on, looks every second whether that still answers and is still a
/// master, and connects again, after a pause, whenever the connection is lost for whatever reason. Belongs to one event loop.
final class RedisLink {
    /// Which server to be on.
    enum Destination {
        /// The master that is known there; a link that is started is one of those that are told when it changes.
        case master(MasterResolverCore)
        case sentinel(RedisAddress)
    }

    /// Whether Redis still answers is asked this often; with the command timeout this bounds how long a frozen Redis goes unnoticed.
    private static let livenessInterval = TimeAmount.seconds(1)

    let role: String
    private let destination: Destination
    private let configuration: RedisConfiguration
    private let eventLoop: NIOIsolatedEventLoop
    private let subscribes: Bool
    private let backoff: Backoff
    private let random: () -> Double
    private let lookup: RedisResolver.Lookup
    private let tls: RedisTLS?
    private var logger: Logger
    private var machine = StateMachine()
    private var dial: RedisConnector?
    private var handler: RedisChannelHandler?
    /// Whom `handler` is connected to.
    private(set) var address: RedisAddress?
    private var sentinelAsksForPassword = false
    private var livenessTimer: Scheduled<Void>?
    private var pauseTimer: Scheduled<Void>?
    weak var delegate: (any RedisLinkDelegate)?

    /// - Parameters:
    ///   - role: what the link is for, in logs and in Redis' client list.
    ///   - eventLoop: the one that the caller, and the destination, is on.
    ///   - subscribes: whether the link is for SUBSCRIBE and UNSUBSCRIBE; it takes no other commands then.
    ///   - lookup: of the server's addresses, for each attempt anew.
    ///   - random: which part of the largest pause the link makes before it connects again, 0 to 1.
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

    /// Why the link is down, or was last.
    var reason: String {
        if case .master(let watch) = self.destination, self.machine.state == .connecting, watch.master == nil {
            return watch.reason
        }
        return self.machine.reason
    }

    func start() {
        guard self.machine.started() else { return }
        if case .master(let watch) = self.destination { watch.attach(self) }
        self.connect()
    }

    /// For good. The delegate is not told.
    func stop() {
        self.machine.stop()
        if case .master(let watch) = self.destination { watch.detach(self) }
        self.livenessTimer?.cancel()
        self.pauseTimer?.cancel()
        self.delegate = nil
        self.dial?.cancel()
        self.dial = nil
        self.handler?.close(reason: "shut down")
        self.handler = nil
    }

    /// Collects a command for ``flush()``. `reply` is called once; at once, with the reason, when the link is down.
    func send(_ command: RESPCommand, reply: @escaping RedisChannelHandler.Reply) {
        guard self.isReady, let handler else {
            reply(.failure(RedisLinkError(reason: self.reason)))
            return
        }
        handler.send(command, reply: reply)
    }

    /// Collects a SUBSCRIBE or UNSUBSCRIBE for ``flush()``. Does nothing when the link is down.
    func sendSubscription(_ command: RESPCommand, channels: Int) {
        guard self.isReady else { return }
        self.handler?.sendSubscription(command, channels: channels)
    }

    func flush() {
        self.handler?.flush()
    }

    /// Gives up the connection, for a reason that the user of the link has found, and connects again.
    func drop(reason: String) {
        self.handler?.close(reason: reason)
    }

    /// The watch has found the master, or another one.
    func moved(to master: RedisAddress) {
        switch self.machine.moved(isElsewhere: self.address != master) {
        case .none: break
        case .drop: self.drop(reason: "the master is now \(master)")
        case .connect:
            self.pauseTimer?.cancel()
            guard self.dial?.address != master else { return }
            self.dial?.cancel()
            self.dial = nil
            self.connect()
        }
    }

    // MARK: - Connecting

    private func connect() {
        let address: RedisAddress
        let peer: RedisPeer
        switch self.destination {
        case .master(let watch):
            // The watch calls when it has one.
            guard let master = watch.master else { return }
            (address, peer) = (master, .master)
        case .sentinel(let sentinel):
            (address, peer) = (sentinel, .sentinel(asksForPassword: self.sentinelAsksForPassword))
        }
        self.logger[metadataKey: RedisLogKey.address] = "\(address)"
        let dial = RedisConnector(
            to: address,
            as: self.role,
            peer: peer,
            subscribes: self.subscribes,
            configuration: self.configuration,
            tls: self.tls,
            eventLoop: self.eventLoop,
            lookup: self.lookup
        )
        self.dial = dial
        dial.start { [weak self] result in
            guard let self else {
                if case .success(let handler) = result { handler.close(reason: "given up") }
                return
            }
            self.dial = nil
            switch result {
            case .success(let handler): self.dialed(handler, at: address)
            case .failure(let error): self.failed(error, at: address)
            }
        }
    }

    private func dialed(_ handler: RedisChannelHandler, at address: RedisAddress) {
        guard self.machine.dialed(at: .now()) else { return handler.close(reason: "shut down") }
        self.handler = handler
        self.address = address
        handler.isReady = true
        handler.onClose = { [weak self] in self?.lost($0) }
        handler.onPushes = { [weak self] pushes in
            guard let self else { return }
            self.delegate?.link(self, received: pushes)
        }
        self.logger.info("Redis link is up")
        if case .master(let watch) = self.destination { watch.linkIsUp() }
        self.scheduleLivenessCheck()
        self.delegate?.linkBecameReady(self)
    }

    private func failed(_ error: RedisDialError, at address: RedisAddress) {
        if case .passwordWanted = error, case .sentinel = self.destination,
            self.configuration.credentials(for: .sentinel(asksForPassword: true)) != nil,
            !self.sentinelAsksForPassword
        {
            self.sentinelAsksForPassword = true
            return self.connect()
        }
        if error == .replica { self.foundReplica(at: address) }
        self.lost(RedisLinkLoss(reason: error.reason))
    }

    private func foundReplica(at address: RedisAddress) {
        if case .master(let watch) = self.destination { watch.foundReplica(at: address) }
    }

    private func lost(_ loss: RedisLinkLoss) {
        self.livenessTimer?.cancel()
        self.livenessTimer = nil
        self.handler = nil
        self.address = nil
        switch self.machine.lost(reason: loss.reason, at: .now()) {
        case .none: break
        case .pause(let attempt, let wasReady, let reasonIsNew):
            var isNews = reasonIsNew
            if case .master(let watch) = self.destination { isNews = watch.linkIsDown(reason: loss.reason) && isNews }
            let metadata: Logger.Metadata = [RedisLogKey.reason: "\(loss.reason)"]
            self.logger.log(level: isNews ? .warning : .debug, "Redis link is down", metadata: metadata)
            let pause = self.backoff.pause(attempt: attempt, random: self.random())
            self.pauseTimer = self.eventLoop.scheduleTask(in: TimeAmount(pause)) { [weak self] in
                guard let self, self.machine.pauseEnded() else { return }
                self.connect()
            }
            if wasReady { self.delegate?.linkWasLost(self, loss) } else { self.delegate?.linkDidNotConnect(self) }
        }
    }

    // MARK: - Liveness

    private func scheduleLivenessCheck() {
        self.livenessTimer = self.eventLoop.scheduleTask(in: Self.livenessInterval) { [weak self] in
            guard let self, self.isReady, let handler = self.handler else { return }
            if self.mayAskForRole {
                self.check(handler, by: "ROLE") { RedisRole($0) == .master }
            } else if handler.isIdle {
                // What is under way already has a deadline.
                self.check(handler, by: "PING") { $0 == .status("PONG") }
            }
            self.scheduleLivenessCheck()
        }
    }

    /// A subscriber may ask for nothing but a sign of life: the node's other links ask what its server is, and tell.
    private var mayAskForRole: Bool {
        if case .master = self.destination { !self.subscribes } else { false }
    }

    private func check(_ handler: RedisChannelHandler, by name: String, isFine: @escaping (RESPValue) -> Bool) {
        handler.send(RESPCommand(name)) { [weak self, weak handler] result in
            guard let self, let handler, case .success(let value) = result, !isFine(value) else { return }
            if case .error(let text) = value {
                handler.close(reason: "\(name) was refused: \(RedisErrorText.loggable(text))")
            } else if RedisRole(value) == .replica, let address = self.address {
                self.foundReplica(at: address)
            } else {
                handler.close(reason: "\(name) was answered with something else")
            }
        }
        handler.flush()
    }
}

@available(*, unavailable)
extension RedisLink: Sendable {}
