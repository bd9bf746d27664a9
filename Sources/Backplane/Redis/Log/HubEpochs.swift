import VolaryProtocol

/// The last epochs of a hub's order, from the field `starts` of its head: see ``RedisScript/order``.
struct HubEpochs {
    private let starts: [EpochStart]

    /// - Parameter text: `<epoch>:<base>,` for each epoch, oldest first. What is not of this form is left out.
    init(_ text: String) {
        self.starts = text.split(separator: ",").compactMap { pair in
            let parts = pair.split(separator: ":").compactMap { UInt64($0) }
            return parts.count == 2 ? EpochStart(epoch: parts[0], base: parts[1]) : nil
        }
    }

    /// - Returns: nil for a number of an epoch that is not known any more.
    func position(of number: UInt64) -> Position? {
        self.starts.last { $0.base < number }.map { Position(epoch: $0.epoch, number: number) }
    }
}
