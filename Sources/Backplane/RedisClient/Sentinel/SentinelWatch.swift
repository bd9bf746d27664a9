import Logging
import NIOCore

/// Receives the results of a ``SentinelWatch``. All calls are made on its event loop.
protocol SentinelWatchDelegate: AnyObject {
    /// The current master, if it is known.
    var master: RedisAddress? { get }
    /// Whether all links are up. The sentinels are then polled less often.
    var isSettled: Bool { get }
    /// The server has confirmed that it is a master.
    func masterFound(_ address: RedisAddress)
    /// The text is for operators.
    func masterNotFound(_ reason: String)
}

/// Polls sentinels for a master, over one connection to each, and verifies that the server that they report is a master.
///
/// All sentinels are also polled as soon as one of them announces a failover: while some nodes use the old master and some the
/// new one, they do not receive each other's messages.
///
/// Belongs to one event loop. Bounded by the number of sentinels: two connections and one pending query for each, and one
/// verification at a time.
final class SentinelWatch {
    private let name: String
    private let configuration: RedisConfiguration
    private let eventLoop: NIOIsolatedEventLoop
    private let links: [RedisLink]
    private let listeners: [RedisLink]
    private let tls: RedisTLS?
    private let backoff: Backoff
    private var quorum: SentinelQuorum
    /// Sentinels whose answer is pending.
    private var pending: Set<Int> = []
    /// The epoch of the known master.
    private var epoch: Int64?
    private var probing: RedisConnector?
    /// Reported servers that were not masters, each with the number of consecutive failures and the end of its pause.
    private var failures: [RedisAddress: (count: Int, until: NIODeadline)] = [:]
    private var timer: Scheduled<Void>?
    private var isUrgent = true
    private var isStopped = false
    weak var delegate: (any SentinelWatchDelegate)?

    init(
        master name: String,
        sentinels: [RedisAddress],
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        logger: Logger
    ) {
        self.name = name
        self.configuration = configuration
        self.eventLoop = eventLoop.assumeIsolated()
        self.tls = RedisTLS(configuration)
        self.backoff = Backoff(minimum: configuration.reconnectMinimum, maximum: configuration.reconnectMaximum)
        self.quorum = SentinelQuorum(count: sentinels.count)
        func link(_ role: String, to address: RedisAddress, subscribes: Bool) -> RedisLink {
            RedisLink(
                role: role,
                to: .sentinel(address),
                configuration: configuration,
                eventLoop: eventLoop,
                subscribes: subscribes,
                logger: logger
            )
        }
        self.links = sentinels.map { link("sentinel", to: $0, subscribes: false) }
        self.listeners = sentinels.map { link("sentinel-events", to: $0, subscribes: true) }
    }

    func start() {
        for link in self.links + self.listeners {
            link.delegate = self
            link.start()
        }
        self.schedule()
    }

    func stop() {
        self.isStopped = true
        self.timer?.cancel()
        self.probing?.cancel()
        for link in self.links + self.listeners { link.stop() }
    }

    /// A link to the master is down: poll at the shorter interval.
    func pollNow() {
        guard !self.isUrgent, !self.isStopped else { return }
        self.schedule()
    }

    // MARK: - Polling

    private func schedule() {
        self.timer?.cancel()
        self.isUrgent = self.delegate?.isSettled != true
        let interval = self.isUrgent ? self.configuration.sentinelUrgentInterval : self.configuration.sentinelInterval
        // The random interval spreads the queries of nodes that lost the same master at the same time.
        self.timer = self.eventLoop.scheduleTask(in: TimeAmount(interval * Double.random(in: 0.8...1))) { [weak self] in
            guard let self, !self.isStopped else { return }
            self.pollAll()
            if !self.links.contains(where: \.isReady), self.quorum.isEmpty { self.reportNoAnswer() }
            self.schedule()
        }
    }

    private func pollAll() {
        for index in self.links.indices { self.poll(index) }
    }

    /// Both queries are sent together: during a failover, the first returns the new master's address, the second its epoch.
    private func poll(_ index: Int) {
        let link = self.links[index]
        guard link.isReady, self.pending.insert(index).inserted else { return }
        var address = RESPValue.null
        link.send(RESPCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)) { result in
            if case .success(let value) = result { address = value }
        }
        link.send(RESPCommand("SENTINEL", "MASTER", self.name)) { [weak self] result in
            guard let self else { return }
            self.pending.remove(index)
            // When the connection is lost, its report has been removed already.
            if case .success(let value) = result { self.answered(index, address, value) }
        }
        link.flush()
    }

    private func answered(_ index: Int, _ address: RESPValue, _ description: RESPValue) {
        if let address = SentinelAnswer.address(address), let epoch = SentinelAnswer.epoch(description) {
            self.quorum[index] = .init(master: address, epoch: epoch)
            self.probeBestCandidate()
        } else {
            self.quorum[index] = nil
            guard self.quorum.isEmpty else { return }
            let reason = if case .error(let text) = description { RedisErrorText.loggable(text) } else { "unexpected answer" }
            self.delegate?.masterNotFound("asked for the master \(self.name), a sentinel answered: \(reason)")
        }
    }

    private func reportNoAnswer() {
        guard let first = self.links.first else { return }
        self.delegate?.masterNotFound("no sentinel answers: \(first.reason)")
    }

    // MARK: - Verification

    /// Verifies the best of the reported servers, unless all links are up on it.
    private func probeBestCandidate() {
        guard self.probing == nil, !self.isStopped, let delegate else { return }
        let candidates = self.quorum.candidates(known: self.epoch, at: .now())
        self.failures = self.failures.filter { address, _ in candidates.contains { $0.master == address } }
        // Servers that have not failed yet are tried first.
        let untried = candidates.filter { self.failures[$0.master] == nil }
        let failed = candidates.filter { self.failures[$0.master] != nil }
        for candidate in untried + failed {
            if candidate.master == delegate.master {
                if delegate.isSettled { return }
                // The links try this server themselves.
                continue
            }
            if let failure = self.failures[candidate.master], failure.until > .now() { continue }
            return self.probe(candidate)
        }
    }

    private func probe(_ candidate: SentinelQuorum.Report) {
        let connector = RedisConnector(
            to: candidate.master,
            as: "watch",
            peer: .master,
            subscribes: false,
            configuration: self.configuration,
            tls: self.tls,
            eventLoop: self.eventLoop
        )
        self.probing = connector
        connector.start { [weak self] result in
            guard let self else { return }
            self.probing = nil
            switch result {
            case .success(let handler):
                handler.close(reason: "seen")
                self.failures[candidate.master] = nil
                self.epoch = candidate.epoch
                self.delegate?.masterFound(candidate.master)
            case .failure(let error):
                let count = (self.failures[candidate.master]?.count ?? 0) + 1
                let pause = TimeAmount(self.backoff.ceiling(attempt: count - 1))
                self.failures[candidate.master] = (count, .now() + pause)
                self.delegate?.masterNotFound("\(candidate.master), reported by the sentinels: \(error.reason)")
                self.probeBestCandidate()
            }
        }
    }
}

extension SentinelWatch: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        if let index = self.links.firstIndex(where: { $0 === link }) { return self.poll(index) }
        link.sendSubscription(RESPCommand("SUBSCRIBE", "+switch-master", "+promoted-slave"), channels: 2)
        link.flush()
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        guard let index = self.links.firstIndex(where: { $0 === link }) else { return }
        self.quorum[index] = nil
    }

    /// An event only says that something has changed. The polled answers say what.
    func link(_ link: RedisLink, received pushes: [RedisPush]) {
        let isEvent = pushes.contains { if case .message = $0 { true } else { false } }
        if isEvent { self.pollAll() }
    }
}

@available(*, unavailable)
extension SentinelWatch: Sendable {}
