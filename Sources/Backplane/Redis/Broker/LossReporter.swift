import Logging
import NIOCore
import VolaryProtocol

/// Counts messages that a broker lost, recovered, could not decode or could not send, and reports them to the receiver and the
/// log. Belongs to one event loop.
final class LossReporter {
    /// The losses of one topic that have not been reported.
    private struct Missed {
        var lost = 0
        var gaps = 0
    }

    private let context: BrokerContext
    /// Number of messages that are known to be lost, as an upper bound.
    private(set) var lost = 0
    /// Number of times that an unknown number of messages of one topic may have been lost.
    private(set) var gaps = 0
    /// Number of missed messages that were recovered from a log.
    private(set) var recovered = 0
    /// Number of this node's messages that left the outbox unconfirmed while no caller waited for them.
    private(set) var expired = 0
    private var unreported: [Topic: Missed] = [:]
    /// The value of ``lost`` at the last log line.
    private var lostAtLastLine = 0
    private var missedLog = LogThrottle(interval: .seconds(10))
    private var undecodableLog = LogThrottle(interval: .seconds(10))
    private var rejectedLog = LogThrottle(interval: .seconds(10))

    init(_ context: BrokerContext) {
        self.context = context
    }

    func recovered(_ count: Int) { self.recovered += count }

    /// Counts a loss, which ``report()`` reports later.
    func missed(_ lost: Int, gaps: Int, of topic: Topic) {
        guard lost > 0 || gaps > 0 else { return }
        self.lost = BrokerGap.sum(self.lost, lost)
        self.gaps += gaps
        var missed = self.unreported[topic] ?? Missed()
        missed.lost = BrokerGap.sum(missed.lost, lost)
        missed.gaps += gaps
        self.unreported[topic] = missed
    }

    /// Logs messages that could not be decoded. They come from another version or from another program; the link is not the
    /// cause.
    func couldNotDecode(_ count: Int, _ error: EnvelopeError) {
        guard let count = self.undecodableLog.occurred(count, at: .now()) else { return }
        self.context.logger.warning(
            "Dropped messages that cannot be decoded: they are of another version, or not from a node",
            metadata: [RedisLogKey.count: "\(count)", RedisLogKey.error: "\(error)"]
        )
    }

    /// Counts messages of this node that other nodes may not have received.
    /// - Parameter text: log message; nil for none.
    func expired(_ count: Int, _ text: Logger.Message? = nil) {
        self.expired += count
        if count > 0, let text { self.context.logger.warning(text, metadata: [RedisLogKey.count: "\(count)"]) }
    }

    /// Logs a message that Redis refuses.
    func rejected(bytes: Int, reason: String) {
        guard let count = self.rejectedLog.occurred(at: .now()) else { return }
        self.context.logger.warning(
            "Redis refuses messages: they are dropped",
            metadata: [RedisLogKey.count: "\(count)", RedisLogKey.bytes: "\(bytes)", RedisLogKey.reason: "\(reason)"]
        )
    }

    /// Reports all losses since the last report to the receiver, once per topic.
    func report() {
        guard !self.unreported.isEmpty else { return }
        let gaps = self.unreported.map { BrokerGap(topic: $0.key, lost: $0.value.gaps > 0 ? nil : $0.value.lost) }
        self.unreported = [:]
        if let topics = self.missedLog.occurred(gaps.count, at: .now()) {
            self.context.logger.warning(
                "Messages were missed or may have been missed",
                metadata: [RedisLogKey.topics: "\(topics)", RedisLogKey.lost: "\(self.lost - self.lostAtLastLine)"]
            )
            self.lostAtLastLine = self.lost
        }
        self.context.report(gaps)
    }
}

@available(*, unavailable)
extension LossReporter: Sendable {}
