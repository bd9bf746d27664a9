import Logging
import NIOCore

/// The part of ``MasterResolver`` on the event loop.
final class MasterResolverCore {
    private let configuration: RedisConfiguration
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// Called with the time from each command of a link to its answer.
    let answered: (@Sendable (TimeAmount) -> Void)?
    private var links: [ObjectIdentifier: RedisLink] = [:]
    private var sentinels: SentinelWatch?
    /// The last reported reason why a link is down; nil since a link came up.
    private var reportedReason: String?

    /// Nil while it is not known.
    private(set) var master: RedisAddress?
    /// Why the master is not known, for operators.
    private(set) var reason = "the sentinels have not been polled yet"

    init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        logger: Logger,
        answered: (@Sendable (TimeAmount) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        self.answered = answered
        if case .server(let address) = configuration.target { self.master = address }
    }

    // MARK: - Links

    /// From now on the link is told the address of the master.
    func attach(_ link: RedisLink) {
        self.links[ObjectIdentifier(link)] = link
        guard self.sentinels == nil, case .master(let name, let addresses) = self.configuration.target else { return }
        let sentinels = SentinelWatch(
            master: name,
            sentinels: addresses,
            configuration: self.configuration,
            eventLoop: self.eventLoop,
            logger: self.logger
        )
        sentinels.delegate = self
        self.sentinels = sentinels
        sentinels.start()
    }

    func detach(_ link: RedisLink) {
        self.links[ObjectIdentifier(link)] = nil
        guard self.links.isEmpty else { return }
        self.sentinels?.stop()
        self.sentinels = nil
    }

    func linkIsUp() { self.reportedReason = nil }

    /// - Returns: whether the reason is new since a link was up. When Redis is down, all links fail for the same reason.
    func linkIsDown(reason: String) -> Bool {
        self.sentinels?.pollNow()
        defer { self.reportedReason = reason }
        return self.reportedReason != reason
    }

    /// A link has found that the server is a replica. The other links to it are closed too: a subscriber's link cannot find out
    /// itself.
    func foundReplica(at address: RedisAddress) {
        for link in self.links.values where link.address == address { link.reconnect(reason: RedisConnectError.replica.reason) }
        self.sentinels?.pollNow()
    }
}

extension MasterResolverCore: SentinelWatchDelegate {
    var isSettled: Bool { self.links.values.allSatisfy(\.isReady) }

    func masterFound(_ address: RedisAddress) {
        self.master = address
        self.logger.notice("Redis master found", metadata: [RedisLogKey.address: "\(address)"])
        for link in self.links.values { link.moved(to: address) }
    }

    func masterNotFound(_ reason: String) {
        guard self.master == nil, self.reason != reason else { return }
        self.reason = reason
        self.logger.warning("Redis master not found", metadata: [RedisLogKey.reason: "\(reason)"])
    }
}

@available(*, unavailable)
extension MasterResolverCore: Sendable {}
