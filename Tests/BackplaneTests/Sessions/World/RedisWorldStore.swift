import DequeModule
import Foundation
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

/// A Redis store of a schedule, with a Redis of its own, whose scripts read the schedule's time.
///
/// The replica is a copy of the data; its promotion is another process of Redis with that copy.
final class RedisWorldStore: WorldStore {
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
        var configuration = try RedisConfiguration(url: self.server.url)
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
        let link = RedisWorldLink(self.store.openLink(to: .default, for: node))
        self.links.withLockedValue { $0.append(link) }
        await link.settle()
        return link
    }

    func closeLink(_ link: any WorldLink) {
        guard let link = link as? RedisWorldLink else { return }
        self.links.withLockedValue { $0.removeAll { $0 === link } }
        self.store.closeLink(link.link)
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

    func deleteHead() { self.server.command("DEL", "volary:2:h:{default}:head") }

    func close() {
        for link in self.links.withLockedValue({ $0 }) { self.store.closeLink(link.link) }
        self.store.stop()
        self.server.stop()
        try? FileManager.default.removeItem(at: self.directory)
    }
}

/// A link to Redis from which a schedule takes events when it wants them.
final class RedisWorldLink: WorldLink {
    let link: RedisHubLink
    private let events = NIOLockedValueBox<Deque<HubLinkEvent>>([])
    /// Entries that a test loses in silence.
    private let losing = NIOLockedValueBox(0)

    init(_ link: RedisHubLink) {
        self.link = link
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

    func settle() async {
        _ = await eventually { await self.link.synchronize() }
        for event in self.link.receive(upTo: .max) { self.take(event) }
    }

    func lose() async {
        self.link.lose()
        await self.settle()
    }

    func loseNextEntry() { self.losing.withLockedValue { $0 += 1 } }

    private func take(_ event: HubLinkEvent) {
        switch event {
        case .lost: self.events.withLockedValue { $0 = [.lost] }
        case .entry(let entry, _) where !entry.isOwn && self.losing.withLockedValue({ $0 > 0 }):
            self.losing.withLockedValue { $0 -= 1 }
        default: self.events.withLockedValue { $0.append(event) }
        }
    }
}

extension LogEntry {
    fileprivate var isOwn: Bool { if case .connection = self.topic { true } else { false } }
}
