import Logging
import NIOCore
import VolaryProtocol

/// Reads topic logs over the publisher's link, ends their epochs, refreshes their heads, and checks whether Redis has lost its
/// data. Belongs to one event loop.
final class LogReader {
    /// Maximum of heads refreshed by one command.
    private static let headsPerCommand = 1000
    /// Maximum of hubs whose observations are told at once.
    private static let reportsAtOnce = 500

    private let context: BrokerContext
    private let scripts: RedisScriptCache
    private var link: RedisLink?
    private var storeNames = StoreNames()
    private var lostEpochs = LostEpochs()
    /// Changes with each loss of the subscriber's link.
    private var subscriberLosses = 0
    private var heads = HeadRefreshQueue()
    /// Called when Redis may have lost a hub's data: see ``RedisScript/identify``.
    var storeBecameUnverified: (HubName) -> Void = { _ in }
    /// Called when Redis has lost messages of a hub that this node may have missed: see ``LostEpochs``.
    var messagesWereLost: (HubName) -> Void = { _ in }

    init(_ context: BrokerContext, scripts: RedisScriptCache) {
        self.context = context
        self.scripts = scripts
    }

    func start(over link: RedisLink) { self.link = link }

    var isReady: Bool { self.link?.isReady ?? false }

    func flush() { self.link?.flush() }

    func reconnect(reason: String) { self.link?.reconnect(reason: reason) }

    // MARK: - Logs

    /// Collects a request for ``flush()``.
    /// - Parameters:
    ///   - isInterrupted: whether the node's link was lost since it last followed the log. Then it is checked after the read
    ///     that Redis still has its data; otherwise a missing log says nothing.
    ///   - completion: called once, with nil when the link was lost.
    func send(
        _ request: TopicLogStateMachine.LogRequest,
        of topic: Topic,
        isInterrupted: Bool,
        completion: @escaping (RESPValue?) -> Void
    ) {
        if case .endEpoch = request {
            self.context.logger.warning("A topic's log has two histories: Redis has lost the end of one")
        }
        self.send(request, of: topic, isInterrupted: isInterrupted, bySource: false, completion: completion)
    }

    /// - Parameter bySource: whether to send the source of the script. The answer NOSCRIPT is then final.
    private func send(
        _ request: TopicLogStateMachine.LogRequest,
        of topic: Topic,
        isInterrupted: Bool,
        bySource: Bool,
        completion: @escaping (RESPValue?) -> Void
    ) {
        guard let link else { return }
        let answered = { [weak self] (page: RESPValue?) in
            guard let self, !bySource, page?.isMissingScript == true else { return completion(page) }
            self.scripts.reload([.readLog, .endEpoch], over: link)
            self.send(request, of: topic, isInterrupted: isInterrupted, bySource: true, completion: completion)
            link.flush()
        }
        let command = self.command(request, of: topic, isInterrupted: isInterrupted, bySource: bySource)
        guard isInterrupted else { return link.send(command) { answered(try? $0.get()) } }
        var page: RESPValue?
        link.send(command) { page = try? $0.get() }
        let hub = topic.dataHub
        link.send(RESPCommand("GET", self.context.storeKeys(of: hub).name)) { [weak self] result in
            guard case .success(let name) = result else { return completion(nil) }
            self?.found(name.text ?? "", of: hub)
            answered(page)
        }
    }

    private func command(
        _ request: TopicLogStateMachine.LogRequest,
        of topic: Topic,
        isInterrupted: Bool,
        bySource: Bool
    ) -> RESPCommand {
        let keys = self.context.keys(of: topic)
        var command: RESPCommand
        switch request {
        case .head:
            command = self.scripts.command(.readLog, keys: keys.ordered, bySource: bySource)
            for argument in ["", "last", "0", "1", "1", "\(Limits.maximumEnvelopeBytes)"] { command.append(argument) }
        case .entries(let position):
            command = self.scripts.command(.readLog, keys: keys.ordered, bySource: bySource)
            if let position { command.append(bytesOf: position.epoch) } else { command.append("") }
            for number in [position?.offset ?? 0, position?.number ?? 0] { command.append("\(number)") }
            for bound in [LogPage.entries, LogPage.bytes, Limits.maximumEnvelopeBytes] { command.append("\(bound)") }
        case .endEpoch(let epoch):
            command = self.scripts.command(.endEpoch, keys: keys.all, bySource: bySource)
            command.append(bytesOf: epoch)
            command.append(bytesOf: self.context.newEpoch())
        }
        command.append(self.context.logBounds.headLife)
        if isInterrupted { command.append(bytesOf: self.context.newEpoch()) }
        return command
    }

    /// Reads the position of a hub, before any log that is requested later.
    /// - Parameter completion: called once, with nil when the link was lost. The position of a hub without an order is below all others.
    func readPosition(of hub: HubName, completion: @escaping (Position?) -> Void) {
        guard let link else { return }
        link.send(RESPCommand("HMGET", self.context.keys(of: .all(hub)).ordered[0], "epoch", "number")) { result in
            guard case .success(let value) = result else { return completion(nil) }
            let fields = (value.elements ?? []).map { $0.text.flatMap { UInt64($0) } ?? 0 }
            completion(Position(epoch: fields.first ?? 0, number: fields.last ?? 0))
        }
        link.flush()
    }

    // MARK: - Heads

    /// Call once per second. Extends the life of some heads, so that messages to their topics are logged while this node is
    /// disconnected.
    func refreshHeads(of topics: some Collection<Topic>) {
        guard let link, link.isReady else { return }
        var topics = self.heads.next(of: topics)
        while !topics.isEmpty {
            let heads = topics.prefix(Self.headsPerCommand).map { self.context.keys(of: $0).head }
            topics = topics.dropFirst(heads.count)
            var command = self.scripts.command(.refreshHeads, keys: heads)
            command.append(self.context.logBounds.headLife)
            link.send(command) { [weak self] result in
                guard case .success(let value) = result, value.isMissingScript else { return }
                self?.scripts.reload([.refreshHeads], over: link)
            }
        }
        link.flush()
    }

    // MARK: - The store

    /// Call for each hub when the subscriber's link was lost.
    /// - Parameter number: the highest number of a message that its topics have delivered, 0 for none.
    func subscriberWasLost(_ hub: HubName, delivered number: UInt64) {
        self.subscriberLosses += 1
        self.lostEpochs.linkWasLost(hub, delivered: number, observed: self.context.order.observation(in: hub))
    }

    /// Asks Redis for the names of some hubs' data, before any log that is requested later is read. Call also once per second,
    /// because another program may delete or replace a name while all links are up, and another node may tell of a loss at any time.
    /// - Parameter isLive: whether all topics are followed.
    func identifyStores(of hubs: some Collection<HubName>, isLive: Bool) {
        guard let link, link.isReady else { return }
        self.lostEpochs.keep(hubs)
        for hub in self.storeNames.next(of: hubs) { self.identifyStore(of: hub, isLive: isLive, bySource: false) }
        link.flush()
    }

    /// - Parameter bySource: whether to send the source of the script. A server that answers even this with NOSCRIPT is not asked
    ///   again.
    private func identifyStore(of hub: HubName, isLive: Bool, bySource: Bool) {
        guard let link else { return }
        let (order, losses) = (self.context.order, self.subscriberLosses)
        let command = self.identify(hub, seen: self.lostEpochs.heard(in: hub), bySource: bySource)
        link.send(command) { [weak self] result in
            guard let self, case .success(let value) = result else { return }
            if value.isMissingScript, !bySource {
                // The script cache was flushed: this says nothing about the data.
                self.scripts.reload([.identify], over: link)
                self.identifyStore(of: hub, isLive: isLive && losses == self.subscriberLosses, bySource: true)
                return link.flush()
            }
            guard let identity = StoreIdentity(value) else { return self.found("", of: hub) }
            self.found(identity.name, of: hub)
            if let history = identity.history { order.told(history: history) }
            if let position = identity.position { order.observed(position, in: hub) }
            // An answer from before the loss says nothing about what came after it.
            guard losses == self.subscriberLosses else { return }
            if self.lostEpochs.found(identity.position, lost: identity.lostEpoch, of: hub, wasLive: isLive) {
                self.messagesWereLost(hub)
            }
        }
    }

    /// Call once per second. Tells Redis what this node has observed in hubs that it does not follow, if Redis may have lost it.
    func reportObservations() {
        guard let link, link.isReady else { return }
        let order = self.context.order
        for hub in order.takeUnreported(Self.reportsAtOnce) {
            let command = self.identify(hub, seen: nil, bySource: false)
            link.send(command) { [weak self] result in
                guard case .success(let value) = result, let identity = StoreIdentity(value) else {
                    if case .success(let value) = result, value.isMissingScript { self?.scripts.reload([.identify], over: link) }
                    return order.wasNotReported(hub)
                }
                if let position = identity.position { order.observed(position, in: hub) }
            }
        }
        link.flush()
    }

    /// - Parameter seen: in place of the highest position observed.
    private func identify(_ hub: HubName, seen: Position?, bySource: Bool) -> RESPCommand {
        var command = self.scripts.command(.identify, keys: self.context.storeKeys(of: hub).identity, bySource: bySource)
        self.context.order.append(to: &command, in: hub, seen: seen)
        for argument in [self.context.logBounds.age, "", "0", "0", "\(self.context.newEpoch())"] { command.append(argument) }
        if !hub.isDefault { command.append(self.context.logBounds.headLife) }
        return command
    }

    private func found(_ name: String, of hub: HubName) {
        let finding = self.storeNames.found(name, of: hub)
        if finding != .same { self.storeBecameUnverified(hub) }
        guard finding == .changed else { return }
        self.lostEpochs.forget(hub)
        self.heads.hurry()
    }
}

@available(*, unavailable)
extension LogReader: Sendable {}
