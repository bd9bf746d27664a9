import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// What the parts of one ``BrokerShard`` share: fixed settings, the way to the receiver, and names for new epochs. Belongs to one event loop.
final class BrokerContext {
    let node: NodeID
    let settings: BrokerSettings
    /// Whether each topic has a log.
    let isLogged: Bool
    let keyPrefix: String
    let shared: RedisBrokerShared
    let logger: Logger
    let logBounds: LogBounds
    /// Called after each change that ``BrokerHealth`` shows.
    var healthChanged: () -> Void = {}
    private var lastEpoch = UInt64.random(in: .min ... .max)

    init(node: NodeID, settings: BrokerSettings, keyPrefix: String, shared: RedisBrokerShared, logger: Logger) {
        self.node = node
        self.settings = settings
        self.isLogged = settings.delivery == .logged
        self.keyPrefix = keyPrefix
        self.shared = shared
        self.logger = logger
        self.logBounds = LogBounds(settings)
    }

    func keys(of topic: Topic) -> LogKeys { LogKeys(topic, prefix: self.keyPrefix) }

    /// A name for an epoch that a script may have to begin: another one for each command.
    func newEpoch() -> UInt64 {
        self.lastEpoch &+= 1
        return self.lastEpoch
    }

    func schedule(in time: TimeAmount, _ body: @escaping () -> Void) -> Scheduled<Void> {
        self.shared.eventLoop.assumeIsolated().scheduleTask(in: time, body)
    }

    /// Gives envelopes to the node's receiver.
    func deliver(_ envelopes: [Envelope]) {
        guard !envelopes.isEmpty else { return }
        let receiver = self.shared.receiver.withLockedValue { $0 }
        receiver?.receive(envelopes)
    }

    /// Tells the node's receiver which topics have gaps.
    func report(_ gaps: [BrokerGap]) {
        let receiver = self.shared.receiver.withLockedValue { $0 }
        receiver?.missed(gaps)
    }
}

/// The bounds of topic logs, as arguments of scripts.
struct LogBounds: Hashable, Sendable {
    /// How long Redis keeps the head of a topic after the topic's last log entry has expired: 1 h. A node that was away for less knows that
    /// nothing was published to a topic without a head. Costs about 200 bytes for each topic of that hour.
    static let headAge = TimeAmount.hours(1)

    /// Of ``RedisScript/publish``: entries, bytes, age in ms, life of the head in ms, and the bytes that topics without a subscriber may log.
    let arguments: [String]
    /// How long a head lives, in ms.
    var headLife: String { self.arguments[3] }

    init(_ settings: BrokerSettings) {
        let age = TimeAmount(settings.historyAge).nanoseconds / 1_000_000
        let headAge = Self.headAge.nanoseconds / 1_000_000
        self.arguments = [
            "\(settings.historyMessages)", "\(settings.historyBytes)", "\(age)", "\(age + headAge)",
            "\(settings.idleHistoryBytes)",
        ]
    }
}

@available(*, unavailable)
extension BrokerContext: Sendable {}
