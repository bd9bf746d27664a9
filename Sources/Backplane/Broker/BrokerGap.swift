public import VolaryProtocol

/// Messages of one topic that this node missed, may have missed, or could not decode.
public struct BrokerGap: Hashable, Sendable {
    public let topic: Topic
    /// The largest possible number of lost messages: some may be repetitions, or this node's own, which it has. Nil if the number
    /// is not known, or if it is not known whether any were lost.
    public let lost: Int?

    public init(topic: Topic, lost: Int?) {
        self.topic = topic
        self.lost = lost
    }

    /// The sum of two losses. It stops at `Int.max` instead of overflowing, because the offsets of a topic in Redis may be
    /// forged.
    package static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, isTooMuch) = one.addingReportingOverflow(other)
        return isTooMuch ? .max : sum
    }
}
