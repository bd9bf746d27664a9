import VolaryProtocol

/// The answer of ``RedisScript/identify``.
struct StoreIdentity: Hashable {
    /// Empty when there is none.
    let name: String
    /// Of the hub; nil when it has no order.
    let position: Position?
    /// The last epoch of which a node has observed more than has survived, 0 for none.
    let lostEpoch: UInt64
    /// The history of Redis, unless the link has been told it.
    let history: String?

    /// - Returns: nil for a value that is not an answer of the script.
    init?(_ value: RESPValue) {
        guard let parts = value.elements, parts.count == 5, let name = parts[0].text,
            let epoch = parts[1].integer.flatMap(UInt64.init(exactly:)),
            let number = parts[2].integer.flatMap(UInt64.init(exactly:)),
            let lost = parts[3].integer.flatMap(UInt64.init(exactly:)), let history = parts[4].text
        else { return nil }
        self.name = name
        self.position = epoch > 0 ? Position(epoch: epoch, number: number) : nil
        self.lostEpoch = lost
        self.history = history.isEmpty ? nil : history
    }
}
