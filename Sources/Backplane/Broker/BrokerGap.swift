public import VolaryProtocol

/// Messages of one topic that this node did not get or could not read, or may not have got.
public struct BrokerGap: Hashable, Sendable {
    public let topic: Topic
    /// How many, at most: some may have been sent twice, or be this node's own, which it has. Nil when that cannot be known, or whether
    /// there were any.
    public let lost: Int?

    public init(topic: Topic, lost: Int?) {
        self.topic = topic
        self.lost = lost
    }

    /// How many are lost of two, where so many are. Past what an `Int` holds it stays there: a topic's offsets may be made up.
    package static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, isTooMuch) = one.addingReportingOverflow(other)
        return isTooMuch ? .max : sum
    }
}
