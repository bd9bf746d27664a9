import Logging
import NIOCore

/// Who is told what the sentinels say. All calls come on the watch's event loop.
protocol SentinelWatchDelegate: AnyObject {
    /// Where the links are to be, as far as is known.
    var master: RedisAddress? { get }
    /// Whether all links are up: then there is no hurry.
    var isSettled: Bool { get }
    /// Its own word for it has been asked for, and it is a master.
    func masterFound(_ address: RedisAddress)
    /// The text is for operators.
    func masterNotFound(_ reason: String)
}

/// Asks sentinels for a master, over one connection to each, and has a look at the server that they name.
///
/// They are asked again as soon as one of them tells of a fail-over: nodes that move at different times do not hear each other meanwhile.
///
/// Belongs to one event loop. Bounded by the number of sentinels: two connections and one question for each, and one look at a time.
final class SentinelWatch {
    private let name: String
    private let configuration: RedisConfiguration
    private let eventLoop: NIOIsolatedEventLoop
    private let links: [RedisLink]
    private let listeners: [RedisLink]
    private let tls: RedisTLS?
    private let backoff: Backoff
    private var opinions: SentinelQuorum
    /// Sentinels that have been asked and have not answered yet.
    private var asked: Set<Int> = []
    /// Of the master that is known.
    private var epoch: Int64?
    private var look: RedisConnector?
    /// Servers that were named and were no masters, each with how often in a row and until when it is left alone.
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
        self.opinions = SentinelQuorum(count: sentinels.count)
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
        self.look?.cancel()
        for link in self.links + self.listeners { link.stop() }
    }

    /// A link to the master is down: every moment counts.
    func hurry() {
        guard !self.isUrgent, !self.isStopped else { return }
        self.schedule()
    }

    // MARK: - Asking

    private func schedule() {
        self.timer?.cancel()
        self.isUrgent = self.delegate?.isSettled != true
        let interval = self.isUrgent ? self.configuration.sentinelUrgentInterval : self.configuration.sentinelInterval
        // Nodes that lost the same master at the same moment do not ask in step.
        self.timer = self.eventLoop.scheduleTask(in: TimeAmount(interval * Double.random(in: 0.8...1))) { [weak self] in
            guard let self, !self.isStopped else { return }
            self.askAll()
            if !self.links.contains(where: \.isReady), self.opinions.isEmpty { self.sayWhyNobodyAnswers() }
            self.schedule()
        }
    }

    private func askAll() {
        for index in self.links.indices { self.ask(index) }
    }

    /// Both questions at once: of a fail-over that is under way the one knows the new master's address, the other its epoch.
    private func ask(_ index: Int) {
        let link = self.links[index]
        guard link.isReady, self.asked.insert(index).inserted else { return }
        var address = RESPValue.null
        link.send(RESPCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)) { result in
            if case .success(let value) = result { address = value }
        }
        link.send(RESPCommand("SENTINEL", "MASTER", self.name)) { [weak self] result in
            guard let self else { return }
            self.asked.remove(index)
            // A lost connection has taken its opinion with it.
            if case .success(let value) = result { self.answered(index, address, value) }
        }
        link.flush()
    }

    private func answered(_ index: Int, _ address: RESPValue, _ description: RESPValue) {
        if let address = SentinelAnswer.address(address), let epoch = SentinelAnswer.epoch(description) {
            self.opinions[index] = .init(master: address, epoch: epoch)
            self.consider()
        } else {
            self.opinions[index] = nil
            guard self.opinions.isEmpty else { return }
            let reason = if case .error(let text) = description { RedisErrorText.loggable(text) } else { "not an answer" }
            self.delegate?.masterNotFound("asked for the master \(self.name), a sentinel said: \(reason)")
        }
    }

    private func sayWhyNobodyAnswers() {
        guard let first = self.links.first else { return }
        self.delegate?.masterNotFound("no sentinel answers: \(first.reason)")
    }

    // MARK: - Believing

    /// Looks at the best of the servers that are named, unless the links are there and well.
    private func consider() {
        guard self.look == nil, !self.isStopped, let delegate else { return }
        let candidates = self.opinions.candidates(known: self.epoch, at: .now())
        self.failures = self.failures.filter { address, _ in candidates.contains { $0.master == address } }
        // One that was no master does not keep those waiting that have not been looked at.
        let fresh = candidates.filter { self.failures[$0.master] == nil }
        let failed = candidates.filter { self.failures[$0.master] != nil }
        for candidate in fresh + failed {
            if candidate.master == delegate.master {
                if delegate.isSettled { return }
                // The links try this one themselves.
                continue
            }
            if let failure = self.failures[candidate.master], failure.until > .now() { continue }
            return self.look(at: candidate)
        }
    }

    private func look(at candidate: SentinelQuorum.Opinion) {
        let dial = RedisConnector(
            to: candidate.master,
            as: "watch",
            peer: .master,
            subscribes: false,
            configuration: self.configuration,
            tls: self.tls,
            eventLoop: self.eventLoop
        )
        self.look = dial
        dial.start { [weak self] result in
            guard let self else { return }
            self.look = nil
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
                self.delegate?.masterNotFound("\(candidate.master), named by the sentinels: \(error.reason)")
                self.consider()
            }
        }
    }
}

extension SentinelWatch: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        if let index = self.links.firstIndex(where: { $0 === link }) { return self.ask(index) }
        link.sendSubscription(RESPCommand("SUBSCRIBE", "+switch-master", "+promoted-slave"), channels: 2)
        link.flush()
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        guard let index = self.links.firstIndex(where: { $0 === link }) else { return }
        self.opinions[index] = nil
    }

    /// Only that something has happened: what, the sentinels say when they are asked.
    func link(_ link: RedisLink, received pushes: [RedisPush]) {
        let isNews = pushes.contains { if case .message = $0 { true } else { false } }
        if isNews { self.askAll() }
    }
}

@available(*, unavailable)
extension SentinelWatch: Sendable {}
