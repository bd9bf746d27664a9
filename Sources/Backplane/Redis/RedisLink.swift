import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Whom a link tells what becomes of it. All calls come on the link's event loop.
protocol RedisLinkDelegate: AnyObject {
    func linkBecameReady(_ link: RedisLink)
    /// The link was ready and is no longer. It connects again by itself. Unanswered commands have failed before this is called.
    func linkWasLost(_ link: RedisLink, reason: String)
    func link(_ link: RedisLink, received pushes: [RedisPush])
}

/// Keeps one connection to Redis up: connects, authenticates, looks every second whether Redis still answers, and connects again,
/// after a pause, whenever the connection is lost for whatever reason. Belongs to one event loop.
final class RedisLink {
    /// Whether Redis still answers is asked this often; with the command timeout this bounds how long a frozen Redis goes unnoticed.
    private static let livenessInterval = TimeAmount.seconds(1)

    let role: String
    private let configuration: RedisConfiguration
    private let eventLoop: NIOIsolatedEventLoop
    private let subscribes: Bool
    private let backoff: Backoff
    private let random: () -> Double
    private var logger: Logger
    private var tlsContext: NIOSSLContext?
    private var machine = StateMachine()
    private var handler: RedisChannelHandler?
    private var livenessTimer: Scheduled<Void>?
    weak var delegate: (any RedisLinkDelegate)?

    /// - Parameters:
    ///   - role: what the link is for, in logs and in Redis' client list.
    ///   - eventLoop: the one that the caller is on.
    ///   - subscribes: whether the link is for SUBSCRIBE and UNSUBSCRIBE; it takes no other commands then.
    ///   - random: which part of the largest pause the link makes before it connects again, 0 to 1.
    init(
        role: String,
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        subscribes: Bool,
        logger: Logger,
        random: @escaping () -> Double = { .random(in: 0...1) }
    ) {
        self.role = role
        self.configuration = configuration
        self.eventLoop = eventLoop.assumeIsolated()
        self.subscribes = subscribes
        self.backoff = Backoff(minimum: configuration.reconnectMinimum, maximum: configuration.reconnectMaximum)
        self.random = random
        self.logger = logger
        self.logger[metadataKey: RedisLogKey.link] = "\(role)"
        self.logger[metadataKey: RedisLogKey.address] = "\(configuration)"
    }

    var isReady: Bool { self.machine.isReady }
    var state: StateMachine.State { self.machine.state }
    /// Why the link is down, or was last.
    var reason: String { self.machine.reason }

    func start() {
        if self.machine.started() { self.connect() }
    }

    /// For good. The delegate is not told.
    func stop() {
        self.machine.stop()
        self.livenessTimer?.cancel()
        self.delegate = nil
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

    // MARK: - Connecting

    private func connect() {
        let loopBound = NIOLoopBound(self, eventLoop: self.eventLoop.nonisolated())
        ClientBootstrap(group: self.eventLoop.nonisolated())
            .connectTimeout(TimeAmount(self.configuration.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try loopBound.value.initialize(channel) }
            }
            .connect(host: self.configuration.host, port: self.configuration.port)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel): self.connected(channel)
                case .failure(let error): self.lost(reason: Self.describe(error))
                }
            }
    }

    private func initialize(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        if self.configuration.tls {
            let context = try self.tlsContext ?? self.makeTLSContext()
            self.tlsContext = context
            // Server names are names: an address is checked against the certificate's addresses instead.
            let host = self.configuration.host
            let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
            try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host))
        }
        let handler = RedisChannelHandler(
            timeout: TimeAmount(self.configuration.commandTimeout),
            subscribes: self.subscribes
        )
        try pipeline.addHandler(handler)
    }

    private func makeTLSContext() throws -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = self.configuration.trustRootsFile { tls.trustRoots = .file(file) }
        return try NIOSSLContext(configuration: tls)
    }

    private func connected(_ channel: any Channel) {
        // Asked of this channel: one attempt makes a channel for each address that the name has.
        guard let handler = try? channel.pipeline.syncOperations.handler(type: RedisChannelHandler.self), !handler.closed else {
            self.lost(reason: "Redis closed the connection")
            return
        }
        guard self.machine.connected() == .shakeHands else {
            handler.close(reason: "shut down")
            return
        }
        self.handler = handler
        handler.onClose = { [weak self] reason in self?.lost(reason: reason) }
        handler.onPushes = { [weak self] pushes in
            guard let self else { return }
            self.delegate?.link(self, received: pushes)
        }
        self.shakeHands(handler)
    }

    private func shakeHands(_ handler: RedisChannelHandler) {
        if let password = self.configuration.password {
            var command = RESPCommand("AUTH")
            if let username = self.configuration.username { command.append(username) }
            command.append(password)
            // Only the code: some servers quote the arguments of what they do not know.
            self.step("AUTH", command, on: handler) { RedisErrorText.code($0).description }
        }
        if self.configuration.database != 0 {
            self.step("SELECT", RESPCommand("SELECT", "\(self.configuration.database)"), on: handler)
        }
        self.step("CLIENT SETNAME", RESPCommand("CLIENT", "SETNAME", "volary-\(self.role)"), on: handler)
        // The others are answered also by a Redis that still loads its data, this one is not.
        handler.send(RESPCommand("PING")) { [weak self, weak handler] result in
            guard let self, let handler, case .success(let value) = result else { return }
            switch value {
            case .status("PONG"): self.handshakeSucceeded()
            case .error(let text): handler.close(reason: "PING was refused: \(RedisErrorText.loggable(text))")
            default: handler.close(reason: "PING was answered with something else")
            }
        }
        handler.flush()
    }

    private func step(
        _ name: String,
        _ command: RESPCommand,
        on handler: RedisChannelHandler,
        describing: @escaping (String) -> String = RedisErrorText.loggable
    ) {
        handler.send(command) { [weak handler] result in
            switch result {
            case .success(.status), .failure: break
            case .success(.error(let text)): handler?.close(reason: "\(name) was refused: \(describing(text))")
            case .success: handler?.close(reason: "\(name) was answered with something else")
            }
        }
    }

    private func handshakeSucceeded() {
        guard self.machine.handshakeSucceeded(at: .now()) else { return }
        self.logger.info("Redis link is up")
        self.scheduleLivenessCheck()
        self.delegate?.linkBecameReady(self)
    }

    private func lost(reason: String) {
        self.livenessTimer?.cancel()
        self.livenessTimer = nil
        self.handler = nil
        switch self.machine.lost(reason: reason, at: .now()) {
        case .none: break
        case .pause(let attempt, let wasReady, let reasonIsNew):
            let metadata: Logger.Metadata = [RedisLogKey.reason: "\(reason)"]
            self.logger.log(level: reasonIsNew ? .warning : .debug, "Redis link is down", metadata: metadata)
            let pause = self.backoff.pause(attempt: attempt, random: self.random())
            self.eventLoop.scheduleTask(in: TimeAmount(pause)) { [weak self] in
                guard let self, self.machine.pauseEnded() else { return }
                self.connect()
            }
            if wasReady { self.delegate?.linkWasLost(self, reason: reason) }
        }
    }

    // MARK: - Liveness

    private func scheduleLivenessCheck() {
        self.livenessTimer = self.eventLoop.scheduleTask(in: Self.livenessInterval) { [weak self] in
            guard let self, self.isReady, let handler = self.handler else { return }
            // What is under way already has a deadline.
            if handler.isIdle {
                handler.send(RESPCommand("PING")) { [weak handler] result in
                    guard case .success(let value) = result, value != .status("PONG") else { return }
                    handler?.close(reason: "PING was answered with something else")
                }
                handler.flush()
            }
            self.scheduleLivenessCheck()
        }
    }
}

@available(*, unavailable)
extension RedisLink: Sendable {}
