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

/// Finds the current master from the reports of sentinels: decides when to poll them and which report to verify.
///
/// All sentinels are also polled as soon as one of them announces a failover: while some nodes use the old master and some the
/// new one, they do not receive each other's messages.
///
/// Belongs to one event loop. Bounded by the number of sentinels: two connections and one pending query for each, and one
/// verification at a time.
final class SentinelWatch {
    private let master: String
    private let configuration: RedisConfiguration
    private let eventLoop: NIOIsolatedEventLoop
    private let poll: SentinelPoll
    private let events: SentinelEvents
    private let verifier: MasterVerifier
    private var quorum: SentinelQuorum
    /// The epoch of the known master.
    private var epoch: Int64?
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
        func links(_ role: String, subscribe: Bool) -> [RedisLink] {
            sentinels.map { address in
                RedisLink(
                    role: role,
                    to: .sentinel(address),
                    configuration: configuration,
                    eventLoop: eventLoop,
                    subscribes: subscribe,
                    logger: logger
                )
            }
        }
        self.master = name
        self.configuration = configuration
        self.eventLoop = eventLoop.assumeIsolated()
        self.poll = SentinelPoll(master: name, links: links("sentinel", subscribe: false))
        self.events = SentinelEvents(links: links("sentinel-events", subscribe: true))
        self.verifier = MasterVerifier(configuration, eventLoop: eventLoop.assumeIsolated())
        self.quorum = SentinelQuorum(count: sentinels.count)
        self.poll.onReport = { [weak self] in self?.reported($0, $1) }
        self.poll.onLoss = { [weak self] in self?.quorum[$0] = nil }
        self.events.onEvent = { [weak self] in self?.poll.pollAll() }
    }

    func start() {
        self.poll.start()
        self.events.start()
        self.schedule()
    }

    func stop() {
        self.isStopped = true
        self.timer?.cancel()
        self.verifier.stop()
        self.poll.stop()
        self.events.stop()
    }

    /// A link to the master is down: poll at the shorter interval.
    func pollNow() {
        guard !self.isUrgent, !self.isStopped else { return }
        self.schedule()
    }

    // MARK: - Reports

    private func schedule() {
        self.timer?.cancel()
        self.isUrgent = self.delegate?.isSettled != true
        let interval = self.isUrgent ? self.configuration.sentinelUrgentInterval : self.configuration.sentinelInterval
        // The random interval spreads the queries of nodes that lost the same master at the same time.
        self.timer = self.eventLoop.scheduleTask(in: TimeAmount(interval * Double.random(in: 0.8...1))) { [weak self] in
            guard let self, !self.isStopped else { return }
            self.poll.pollAll()
            if !self.poll.isConnected, self.quorum.isEmpty {
                self.delegate?.masterNotFound("no sentinel answers: \(self.poll.reason)")
            }
            self.schedule()
        }
    }

    private func reported(_ sentinel: Int, _ report: Result<SentinelQuorum.Report, SentinelPoll.NoReport>) {
        switch report {
        case .success(let report):
            self.quorum[sentinel] = report
            self.verifyBestCandidate()
        case .failure(let error):
            self.quorum[sentinel] = nil
            guard self.quorum.isEmpty else { return }
            self.delegate?.masterNotFound("asked for the master \(self.master), a sentinel answered: \(error.reason)")
        }
    }

    /// Verifies the best of the reported servers, unless all links are up on it.
    private func verifyBestCandidate() {
        guard !self.verifier.isBusy, !self.isStopped, let delegate else { return }
        for candidate in self.verifier.order(self.quorum.candidates(known: self.epoch, at: .now())) {
            if candidate.master == delegate.master {
                if delegate.isSettled { return }
                // The links try this server themselves.
                continue
            }
            if self.verifier.isPaused(candidate.master, at: .now()) { continue }
            return self.verifier.verify(candidate.master) { [weak self] error in self?.verified(candidate, error) }
        }
    }

    /// - Parameter error: why the server is not a master.
    private func verified(_ candidate: SentinelQuorum.Report, _ error: RedisConnectError?) {
        guard let error else {
            self.epoch = candidate.epoch
            self.delegate?.masterFound(candidate.master)
            return
        }
        self.delegate?.masterNotFound("\(candidate.master), reported by the sentinels: \(error.reason)")
        self.verifyBestCandidate()
    }
}

@available(*, unavailable)
extension SentinelWatch: Sendable {}
