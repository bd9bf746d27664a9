import DequeModule
import Foundation
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

/// A Redis store of a schedule, with a Redis of its own, whose scripts read the schedule's time.
///
/// The replica is a copy of the data; its promotion is another process of Redis with that copy. All connections lead through a proxy,
/// which loses single messages in silence.
final class RedisWorldStore: WorldStore {
    /// Of the default hub's keys and channels.
    private static let prefix = "volary:2:h:{default}:"
    /// The time of scripts, in ms.
    private static let clock = "clock"
    /// Scripts get the time from a key in place of TIME. One line, so that errors name the lines of the script.
    private static let preamble = """
        local redis = (function(real) local fake = {} for name, value in pairs(real) do fake[name] = value end \
        fake.call = function(name, ...) if name ~= 'TIME' then return real.call(name, ...) end \
        local ms = tonumber(real.call('GET', '\(clock)')) \
        return {string.format('%.0f', math.floor(ms / 1000)), string.format('%.0f', ms % 1000 * 1000)} end \
        return fake end)(redis)

        """

    let store: RedisSessionStore
    let server: RedisServer
    /// Between the links and Redis.
    private let proxy: TCPProxy
    /// What the proxy loses in silence.
    private let orders: NIOLockedValueBox<LossyPushes.Orders>
    /// For copies of the data.
    private let directory: URL
    private let hasSnapshot = NIOLockedValueBox(false)
    private let time: NIOLockedValueBox<Int64>
    private let links = NIOLockedValueBox<[RedisWorldLink]>([])

    /// - Parameter replacing: texts in scripts, to take rules away.
    init(time: Int64, limits: SessionLimits, replacing replacements: [String: String] = [:]) async throws {
        self.directory = FileManager.default.temporaryDirectory.appendingPathComponent("volary-sessions-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        self.server = try RedisServer.start(arguments: ["--dir", self.directory.path])
        let orders = NIOLockedValueBox(LossyPushes.Orders())
        self.orders = orders
        self.proxy = try await TCPProxy.start(to: self.server.port, rewritingAnswers: { LossyPushes(orders) })
        var configuration = try RedisConfiguration(url: self.proxy.url)
        configuration.scriptPreamble = Self.preamble
        configuration.reconnectMaximum = .milliseconds(50)
        configuration.scriptReplacements = replacements
        let resolver = MasterResolver(
            configuration: configuration,
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        self.time = NIOLockedValueBox(0)
        self.store = RedisSessionStore(resolver: resolver, limits: limits, logger: .quiet)
        self.setTime(time)
        self.store.start()
        await self.waitUntilUp()
    }

    var sessions: any SessionStore { self.store }
    /// Longer than a script takes the history of Redis for granted.
    var promotionTime: Int64 { 60 }
    var hasOperationsInHead: Bool { true }

    private func waitUntilUp() async {
        _ = await eventually { (try? await self.store.expired(in: .default, limit: 1)) != nil }
        for link in self.links.withLockedValue({ $0 }) { await link.settle() }
    }

    func openLink(for node: NodeID) async -> any WorldLink {
        let link = RedisWorldLink(
            self.store.openLink(to: .default, for: node),
            losingBy: self.orders,
            channel: Self.prefix + "n:\(node):t"
        )
        self.links.withLockedValue { $0.append(link) }
        await link.settle()
        return link
    }

    func setTime(_ milliseconds: Int64) {
        let before = self.time.withLockedValue { time in
            defer { time = milliseconds }
            return time
        }
        guard milliseconds != before else { return }
        self.server.command("SET", Self.clock, "\(milliseconds)")
        // Keys expire by Redis' own clock.
        if before > 0, milliseconds - before >= 1000 { _ = self.server.age(by: milliseconds - before) }
    }

    func stallReplica() {
        self.server.command("SAVE")
        self.hasSnapshot.withLockedValue { $0 = true }
    }

    func promoteReplica() async {
        // Without a stalled replica nothing is lost.
        if !self.hasSnapshot.withLockedValue({ $0 }) { self.stallReplica() }
        self.hasSnapshot.withLockedValue { $0 = false }
        // It loads the copy.
        try? self.server.restart()
        let time = self.time.withLockedValue { time in
            defer { time = 0 }
            return time
        }
        self.setTime(time)
        await self.waitUntilUp()
    }

    func deleteHead() { self.server.command("DEL", Self.prefix + "head") }

    func close() async {
        for link in self.links.withLockedValue({ $0 }) { link.close() }
        self.store.stop()
        await self.proxy.stop()
        self.server.stop()
        try? FileManager.default.removeItem(at: self.directory)
    }
}

/// A link to Redis from which a schedule takes events when it wants them.
final class RedisWorldLink: WorldLink {
    let link: RedisHubLink
    private let events = NIOLockedValueBox<Deque<HubLinkEvent>>([])
    private let orders: NIOLockedValueBox<LossyPushes.Orders>
    /// That only this link subscribes to.
    private let channel: String
    private let isClosed = NIOLockedValueBox(false)

    /// - Parameters:
    ///   - orders: of the proxy before Redis.
    ///   - channel: of the node.
    init(_ link: RedisHubLink, losingBy orders: NIOLockedValueBox<LossyPushes.Orders>, channel: String) {
        self.link = link
        self.orders = orders
        self.channel = channel
    }

    var hasEvents: Bool { self.events.withLockedValue { !$0.isEmpty } }

    func subscribe(to topics: [Audience]) { self.link.subscribe(to: topics) }
    func unsubscribe(from topics: [Audience]) { self.link.unsubscribe(from: topics) }

    func receive(upTo limit: Int) -> [HubLinkEvent] {
        self.events.withLockedValue { events in
            let taken = Array(events.prefix(limit))
            events.removeFirst(taken.count)
            return taken
        }
    }

    func close() {
        self.isClosed.withLockedValue { $0 = true }
        self.link.close()
    }

    func settle() async {
        guard !self.isClosed.withLockedValue({ $0 }) else { return }
        _ = await eventually { await self.link.synchronize() }
        for event in self.link.receive(upTo: .max) { self.take(event) }
    }

    func lose() async {
        self.link.lose()
        await self.settle()
    }

    func loseNextEntry() { self.orders.withLockedValue { $0.loseNext(ofSubscriberTo: self.channel) } }

    private func take(_ event: HubLinkEvent) {
        switch event {
        case .lost: self.events.withLockedValue { $0 = [.lost] }
        default: self.events.withLockedValue { $0.append(event) }
        }
    }
}
