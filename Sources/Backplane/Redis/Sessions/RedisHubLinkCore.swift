import DequeModule
import Logging
import NIOCore
import VolaryProtocol

/// The part of a ``RedisHubLink`` on its event loop.
final class RedisHubLinkCore {
    /// Topics in one SSUBSCRIBE: Redis handles other commands between two.
    private static let topicsPerCommand = 256

    /// A command for one channel without its acknowledgement, in the order in which they were sent.
    private struct Awaited {
        let channel: String
        let subscribes: Bool
        /// Confirmed with this channel.
        var topics: [Audience] = []
    }

    private let keys: SessionKeys
    private let ownChannel: String
    private let inbox: HubLinkInbox
    private let resolver: MasterResolver
    private let logger: Logger
    private var link: RedisLink?
    private var topics: [String: Audience] = [:]
    private var awaited: Deque<Awaited> = []
    /// Asked for while there is no connection, each call's topics.
    private var wanted: [[Audience]] = []
    /// Whether the connection is given up: nothing more of it counts.
    private var isLosing = false

    init(node: NodeID, keys: SessionKeys, inbox: HubLinkInbox, resolver: MasterResolver, logger: Logger) {
        self.keys = keys
        self.ownChannel = keys.channel(of: node)
        self.inbox = inbox
        self.resolver = resolver
        self.logger = logger
    }

    func start() {
        guard self.link == nil else { return }
        let link = RedisLink(
            role: "sessions",
            to: .master(self.resolver.core.value),
            configuration: self.resolver.configuration,
            eventLoop: self.resolver.eventLoop,
            subscribes: true,
            logger: self.logger
        )
        link.delegate = self
        self.link = link
        link.start()
    }

    func stop() {
        self.link?.stop()
    }

    // MARK: - Subscriptions

    func subscribe(to topics: [Audience]) {
        guard let link, link.isReady, !self.isLosing else { return self.wanted.append(topics) }
        var awaited: [Awaited] = []
        for topic in topics {
            guard let channel = self.keys.channel(of: topic) else { continue }
            self.topics[channel] = topic
            awaited.append(Awaited(channel: channel, subscribes: true))
        }
        guard !awaited.isEmpty else { return self.put(.subscribed(topics)) }
        awaited[awaited.count - 1].topics = topics
        self.send("SSUBSCRIBE", awaited, over: link)
    }

    func unsubscribe(from topics: [Audience]) {
        for topic in topics { if let channel = self.keys.channel(of: topic) { self.topics[channel] = nil } }
        guard let link, link.isReady, !self.isLosing else { return self.withdraw(topics) }
        let channels = topics.compactMap { self.keys.channel(of: $0) }
        self.send("SUNSUBSCRIBE", channels.map { Awaited(channel: $0, subscribes: false) }, over: link)
    }

    /// What is asked for no longer is confirmed nevertheless, as any other subscription: whoever asks for it again counts confirmations.
    private func withdraw(_ topics: [Audience]) {
        let withdrawn = self.wanted.flatMap { $0.filter(topics.contains) }
        self.wanted = self.wanted.map { $0.filter { !topics.contains($0) } }.filter { !$0.isEmpty }
        if !withdrawn.isEmpty { self.put(.subscribed(withdrawn)) }
    }

    private func send(_ name: String, _ awaited: [Awaited], over link: RedisLink) {
        for start in stride(from: 0, to: awaited.count, by: Self.topicsPerCommand) {
            let part = awaited[start..<min(start + Self.topicsPerCommand, awaited.count)]
            var command = RESPCommand(name)
            for one in part { command.append(one.channel) }
            self.awaited += part
            link.sendSubscription(command, channels: part.count)
        }
        link.flush()
    }

    private func acknowledged(_ channel: String, subscribes: Bool) {
        guard let first = self.awaited.first, first.channel == channel, first.subscribes == subscribes else {
            // Redis ends subscriptions by itself when the hub moves to another server.
            return self.lose(reason: "a subscription has ended")
        }
        self.awaited.removeFirst()
        if !first.topics.isEmpty { self.put(.subscribed(first.topics)) }
    }

    // MARK: - Events

    private func received(_ push: RedisPush) {
        switch push {
        case .message(self.ownChannel, let payload): self.put(HubFrame.event(payload))
        case .message(let channel, let payload):
            if let topic = self.topics[channel] { self.put(HubFrame.event(payload, on: topic)) }
        case .subscribed(let channel): self.acknowledged(channel, subscribes: true)
        case .unsubscribed(let channel): self.acknowledged(channel, subscribes: false)
        case .pong: break
        }
    }

    /// - Parameter event: nil for a message that cannot be read.
    private func put(_ event: HubLinkEvent?) {
        guard let event else { return self.lose(reason: "a message without a position, or of another format") }
        if !self.inbox.put(event) { self.lose(reason: "more events than a node may keep") }
    }

    /// Tells the loss at once, and connects again.
    func lose(reason: String) {
        guard let link, link.isReady, !self.isLosing else { return }
        self.isLosing = true
        link.reconnect(reason: reason)
    }

    func synchronize(_ completion: @escaping (Bool) -> Void) {
        guard let link, link.isReady, !self.isLosing else { return completion(false) }
        let eventLoop = self.resolver.eventLoop.assumeIsolated()
        link.send(RESPCommand("PING")) { result in
            let isSuccess = if case .success = result { true } else { false }
            // What came with the answer is handed over after it.
            eventLoop.execute { completion(isSuccess) }
        }
        link.flush()
    }
}

extension RedisHubLinkCore: RedisLinkDelegate {
    func linkBecameReady(_ link: RedisLink) {
        self.isLosing = false
        // First: everything that is confirmed later is heard together with the own topics.
        self.send("SSUBSCRIBE", [Awaited(channel: self.ownChannel, subscribes: true)], over: link)
        let wanted = self.wanted
        self.wanted = []
        for topics in wanted { self.subscribe(to: topics) }
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        (self.topics, self.awaited) = ([:], [])
        self.inbox.lose()
    }

    func link(_ link: RedisLink, received pushes: [RedisPush]) {
        for push in pushes where !self.isLosing { self.received(push) }
    }
}

@available(*, unavailable)
extension RedisHubLinkCore: Sendable {}
