import Logging
import NIOCore
import VolaryProtocol

/// Counts what a broker missed, fetched, could not read or could not send, and tells the receiver and the log of it. Belongs to one event loop.
final class LossReporter {
    /// What is missing of one topic and has not been reported.
    private struct Missed {
        var lost = 0
        var gaps = 0
    }

    private let context: BrokerContext
    /// Messages that are known to be lost, at most.
    private(set) var lost = 0
    /// How often, topic by topic, an unknown number of messages may be lost.
    private(set) var gaps = 0
    /// Messages that were missed at first and fetched from a log.
    private(set) var recovered = 0
    /// Messages of this node that left the outbox unconfirmed while nobody waited for them.
    private(set) var expired = 0
    private var unreported: [Topic: Missed] = [:]
    /// As ``lost`` was when the last line was logged.
    private var lostAtLastLine = 0
    private var missedLog = LogThrottle(interval: .seconds(10))
    private var undecodableLog = LogThrottle(interval: .seconds(10))
    private var rejectedLog = LogThrottle(interval: .seconds(10))

    init(_ context: BrokerContext) {
        self.context = context
    }

    func recovered(_ count: Int) { self.recovered += count }

    /// Counts a loss; ``report()`` tells of it.
    func missed(_ lost: Int, gaps: Int, of topic: Topic) {
        guard lost > 0 || gaps > 0 else { return }
        self.lost = BrokerGap.sum(self.lost, lost)
        self.gaps += gaps
        var missed = self.unreported[topic] ?? Missed()
        missed.lost = BrokerGap.sum(missed.lost, lost)
        missed.gaps += gaps
        self.unreported[topic] = missed
    }

    /// Logs messages that could not be decoded: they are of another version, or from a program that is no node. The link is not at fault.
    func couldNotDecode(_ count: Int, _ error: EnvelopeError) {
        guard let count = self.undecodableLog.occurred(count, at: .now()) else { return }
        self.context.logger.warning(
            "Dropped messages that cannot be decoded: they are of another version, or not from a node",
            metadata: [RedisLogKey.count: "\(count)", RedisLogKey.error: "\(error)"]
        )
    }

    /// Counts messages of this node that other nodes may lack.
    /// - Parameter text: to be logged.
    func expired(_ count: Int, _ text: Logger.Message? = nil) {
        self.expired += count
        if count > 0, let text { self.context.logger.warning(text, metadata: [RedisLogKey.count: "\(count)"]) }
    }

    /// Logs a message that Redis does not take.
    func rejected(bytes: Int, reason: String) {
        guard let count = self.rejectedLog.occurred(at: .now()) else { return }
        self.context.logger.warning(
            "Redis refuses messages: they are dropped",
            metadata: [RedisLogKey.count: "\(count)", RedisLogKey.bytes: "\(bytes)", RedisLogKey.reason: "\(reason)"]
        )
    }

    /// Tells the receiver what has been missed since the last report, each topic once.
    func report() {
        guard !self.unreported.isEmpty else { return }
        let gaps = self.unreported.map { BrokerGap(topic: $0.key, lost: $0.value.gaps > 0 ? nil : $0.value.lost) }
        self.unreported = [:]
        if let topics = self.missedLog.occurred(gaps.count, at: .now()) {
            self.context.logger.warning(
                "Messages were missed, or may have been",
                metadata: [RedisLogKey.topics: "\(topics)", RedisLogKey.lost: "\(self.lost - self.lostAtLastLine)"]
            )
            self.lostAtLastLine = self.lost
        }
        self.context.report(gaps)
    }
}

@available(*, unavailable)
extension LossReporter: Sendable {}
