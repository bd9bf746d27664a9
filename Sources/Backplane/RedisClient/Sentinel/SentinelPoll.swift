import NIOCore

/// Asks sentinels for the address of a master, over one connection to each. One query per sentinel is pending at a time. Belongs
/// to one event loop.
final class SentinelPoll {
    private let master: String
    private let links: [RedisLink]
    /// Sentinels whose answer is pending.
    private var pending: Set<Int> = []
    /// Called with the index of a sentinel and its report, or the reason why it has none.
    var onReport: (Int, Result<SentinelQuorum.Report, NoReport>) -> Void = { _, _ in }
    /// Called with the index of a sentinel whose connection was lost.
    var onLoss: (Int) -> Void = { _ in }

    /// Why a sentinel does not report a master.
    struct NoReport: Error {
        /// For operators.
        let reason: String
    }

    init(master: String, links: [RedisLink]) {
        self.master = master
        self.links = links
    }

    func start() { self.links.start(delegate: self) }

    func stop() { self.links.stop() }

    /// Whether a sentinel is connected.
    var isConnected: Bool { self.links.contains(where: \.isReady) }

    /// Why the first sentinel is not connected.
    var reason: String { self.links.first?.reason ?? "" }

    func pollAll() {
        for index in self.links.indices { self.poll(index) }
    }

    /// Both queries are sent together: during a failover, the first returns the new master's address, the second its epoch.
    private func poll(_ index: Int) {
        let link = self.links[index]
        guard link.isReady, self.pending.insert(index).inserted else { return }
        var address = RESPValue.null
        link.send(RESPCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master)) { result in
            if case .success(let value) = result { address = value }
        }
        link.send(RESPCommand("SENTINEL", "MASTER", self.master)) { [weak self] result in
            guard let self else { return }
            self.pending.remove(index)
            // When the connection is lost, its report has been removed already.
            if case .success(let value) = result { self.onReport(index, Self.report(address, value)) }
        }
        link.flush()
    }

    private static func report(
        _ address: RESPValue,
        _ description: RESPValue
    ) -> Result<SentinelQuorum.Report, NoReport> {
        if let address = SentinelAnswer.address(address), let epoch = SentinelAnswer.epoch(description) {
            return .success(.init(master: address, epoch: epoch))
        }
        let reason = if case .error(let text) = description { RedisErrorText.loggable(text) } else { "unexpected answer" }
        return .failure(NoReport(reason: reason))
    }
}

extension SentinelPoll: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        if let index = self.links.firstIndex(where: { $0 === link }) { self.poll(index) }
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        if let index = self.links.firstIndex(where: { $0 === link }) { self.onLoss(index) }
    }

    func link(_ link: RedisLink, received pushes: [RedisPush]) {}
}

@available(*, unavailable)
extension SentinelPoll: Sendable {}
