import Logging
import NIOCore
import VolaryProtocol

/// Reads topic logs over the publisher's link, ends their epochs, refreshes their heads, and checks whether Redis has lost its
/// data. Belongs to one event loop.
final class LogReader {
    /// Time in which all heads are refreshed once: 900 s, a quarter of their minimum lifetime.
    private static let refreshSeconds = 900
    /// Maximum of heads refreshed by one command.
    private static let refreshHeads = 1000

    private let context: BrokerContext
    private let scripts: RedisScriptCache
    private var link: RedisLink?
    /// The last known name of Redis's data.
    private var storeName: String?
    /// Topics whose heads have not been refreshed in the current round.
    private var toRefresh: ArraySlice<Topic> = []
    /// Called when Redis may have lost its data: see ``RedisScript/identify``.
    var storeBecameUnverified: () -> Void = {}

    init(_ context: BrokerContext, scripts: RedisScriptCache) {
        self.context = context
        self.scripts = scripts
    }

    func start(over link: RedisLink) { self.link = link }

    var isReady: Bool { self.link?.isReady ?? false }

    func flush() { self.link?.flush() }

    func drop(reason: String) { self.link?.drop(reason: reason) }

    // MARK: - Logs

    /// Collects a request for ``flush()``.
    /// - Parameters:
    ///   - checksStore: whether to check after the read that Redis still has its data. Otherwise a missing log says nothing.
    ///   - completion: called once, with nil when the link was lost.
    func send(
        _ request: TopicLogStateMachine.LogRequest,
        of topic: Topic,
        checksStore: Bool,
        completion: @escaping (RESPValue?) -> Void
    ) {
        let command = self.command(request, of: topic)
        guard checksStore, let link else {
            self.link?.send(command) { completion(try? $0.get()) }
            return
        }
        var page: RESPValue?
        link.send(command) { page = try? $0.get() }
        link.send(RESPCommand("GET", LogKeys.store(prefix: self.context.keyPrefix))) { [weak self] result in
            guard case .success(let name) = result else { return completion(nil) }
            self?.found(name.text ?? "")
            completion(page)
        }
    }

    private func command(_ request: TopicLogStateMachine.LogRequest, of topic: Topic) -> RESPCommand {
        let keys = self.context.keys(of: topic).all
        var command: RESPCommand
        switch request {
        case .head:
            command = self.scripts.command(.readLog, keys: keys)
            for argument in ["", "last", "1", "1", "\(Limits.maximumEnvelopeBytes)"] { command.append(argument) }
        case .entries(let position):
            command = self.scripts.command(.readLog, keys: keys)
            if let position { command.append(bytesOf: position.epoch) } else { command.append("") }
            for bound in [position.map { Int($0.offset) } ?? 0, LogPage.entries, LogPage.bytes, Limits.maximumEnvelopeBytes] {
                command.append("\(bound)")
            }
        case .endEpoch(let epoch):
            self.context.logger.warning("A topic's log has two histories: Redis has lost the end of one")
            command = self.scripts.command(.endEpoch, keys: keys)
            command.append(bytesOf: epoch)
            command.append(bytesOf: self.context.newEpoch())
        }
        command.append(self.context.logBounds.headLife)
        return command
    }

    /// Call when the script cache of Redis has been emptied.
    func loadAgain(_ scripts: [RedisScript]) {
        guard let link else { return }
        for script in scripts { self.scripts.remove(script) }
        self.scripts.load(scripts, over: link)
    }

    // MARK: - Heads

    /// Call once per second. Extends the life of some heads, so that messages to their topics are logged while this node is
    /// disconnected.
    func refreshHeads(of topics: some Collection<Topic>) {
        guard let link, link.isReady else { return }
        if self.toRefresh.isEmpty { self.toRefresh = Array(topics)[...] }
        let count = min(max(1, topics.count / Self.refreshSeconds), Self.refreshHeads)
        let heads = self.toRefresh.prefix(count).map { self.context.keys(of: $0).head }
        self.toRefresh = self.toRefresh.dropFirst(count)
        guard !heads.isEmpty else { return }
        var command = self.scripts.command(.refreshHeads, keys: heads)
        command.append(self.context.logBounds.headLife)
        link.send(command) { [weak self] result in
            guard case .success(let value) = result, value.isMissingScript else { return }
            self?.loadAgain([.refreshHeads])
        }
        link.flush()
    }

    // MARK: - The store

    /// Asks Redis for the name of its data, before any log that is requested later is read.
    /// - Parameter bySource: whether to send the source of the script. A server that answers even this with NOSCRIPT is not asked
    ///   again.
    func identifyStore(bySource: Bool = false) {
        guard let link, link.isReady else { return }
        let keys = LogKeys.storeKeys(prefix: self.context.keyPrefix)
        var command = self.scripts.command(.identify, keys: keys, bySource: bySource)
        command.append("\(self.context.newEpoch())")
        link.send(command) { [weak self] result in
            guard let self, case .success(let value) = result else { return }
            if value.isMissingScript, !bySource {
                // The script cache was flushed: this says nothing about the data.
                self.loadAgain([.identify])
                return self.identifyStore(bySource: true)
            }
            self.found(value.text ?? "")
        }
        link.flush()
    }

    private func found(_ name: String) {
        if let storeName, name.isEmpty || name != storeName { self.storeBecameUnverified() }
        self.storeName = name
    }
}

@available(*, unavailable)
extension LogReader: Sendable {}
