import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Objects that the parts of one ``BrokerShard`` share: settings, the receiver, and names for new epochs. Belongs to one event
/// loop.
final class BrokerContext {
    let node: NodeID
    let settings: BrokerSettings
    /// Whether each topic has a log.
    let isLogged: Bool
    let names: RedisNames
    let shared: RedisBrokerShared
    let logger: Logger
    let logBounds: LogBounds
    let order: HubOrder
    /// Called after each change that affects ``BrokerHealth``.
    var healthChanged: () -> Void = {}
    private var lastEpoch = UInt64.random(in: .min ... .max)

    init(node: NodeID, settings: BrokerSettings, keyPrefix: String, shared: RedisBrokerShared, logger: Logger) {
        self.node = node
        self.settings = settings
        self.isLogged = settings.delivery == .logged
        self.names = RedisNames(prefix: keyPrefix)
        self.shared = shared
        self.logger = logger
        self.logBounds = LogBounds(settings)
        self.order = HubOrder(node: node)
    }

    func keys(of topic: Topic) -> LogKeys { LogKeys(topic, self.names) }

    func storeKeys(of hub: HubName) -> HubStoreKeys { HubStoreKeys(hub, self.names) }

    /// A name for an epoch that a script may begin. Each command gets another one.
    func newEpoch() -> UInt64 {
        self.lastEpoch &+= 1
        return self.lastEpoch
    }

    func schedule(in time: TimeAmount, _ body: @escaping () -> Void) -> Scheduled<Void> {
        self.shared.eventLoop.assumeIsolated().scheduleTask(in: time, body)
    }

    /// Passes envelopes to the node's receiver.
    func deliver(_ envelopes: [Envelope]) {
        guard !envelopes.isEmpty else { return }
        let receiver = self.shared.receiver.withLockedValue { $0 }
        receiver?.receive(envelopes)
    }

    /// Reports gaps in topics to the node's receiver.
    func report(_ gaps: [BrokerGap]) {
        let receiver = self.shared.receiver.withLockedValue { $0 }
        receiver?.missed(gaps)
    }
}

/// The limits of topic logs, as arguments of scripts.
struct LogBounds: Hashable, Sendable {
    /// How long Redis keeps the head of a topic after the topic's last log entry has expired: 1 h. A node that was disconnected
    /// for less time knows that nothing was published to a topic without a head. A head costs about 200 bytes.
    static let headAge = TimeAmount.hours(1)

    /// Maximum age of an entry in ms.
    let age: String
    /// Arguments of ``RedisScript/topicLog``: maximum of entries, and of bytes; lifetime of the head in ms; maximum of bytes for
    /// topics without a subscriber.
    let arguments: [String]
    /// Lifetime of a head in ms.
    var headLife: String { self.arguments[2] }

    init(_ settings: BrokerSettings) {
        let age = TimeAmount(settings.historyAge).nanoseconds / 1_000_000
        let headAge = Self.headAge.nanoseconds / 1_000_000
        self.age = "\(age)"
        self.arguments = [
            "\(settings.historyMessages)", "\(settings.historyBytes)", "\(age + headAge)", "\(settings.idleHistoryBytes)",
        ]
    }
}

@available(*, unavailable)
extension BrokerContext: Sendable {}
