import NIOCore

/// Receives the announcements of sentinels that a master has changed, over one connection to each. Belongs to one event loop.
final class SentinelEvents {
    private let links: [RedisLink]
    /// Called for an announcement. It only says that something has changed; the answers to queries say what.
    var onEvent: () -> Void = {}

    init(links: [RedisLink]) {
        self.links = links
    }

    func start() { self.links.start(delegate: self) }

    func stop() { self.links.stop() }
}

extension SentinelEvents: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        link.sendSubscription(RESPCommand("SUBSCRIBE", "+switch-master", "+promoted-slave"), channels: 2)
        link.flush()
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {}

    func link(_ link: RedisLink, received pushes: [RedisPush]) {
        let isEvent = pushes.contains { if case .message = $0 { true } else { false } }
        if isEvent { self.onEvent() }
    }
}

@available(*, unavailable)
extension SentinelEvents: Sendable {}
