import NIOCore
import VolaryProtocol

/// The answer of ``RedisScript/readHub``.
struct HistoryReply {
    /// Of the hub.
    let position: Position
    /// The history of Redis, unless the link has been told it.
    let history: String?
    let page: HistoryPage

    /// - Parameter hub: of the topics that were read.
    /// - Returns: nil for a value that is not an answer of the script.
    init?(_ value: RESPValue, of hub: HubName) {
        guard let parts = value.elements, parts.count == 7, let epoch = parts[0].unsigned, let number = parts[1].unsigned,
            let history = parts[2].text, let through = parts[3].unsigned, let isLast = parts[4].integer,
            let isMissing = parts[5].integer, let list = parts[6].elements, list.count.isMultiple(of: 3)
        else { return nil }
        var entries: [HistoryPage.Entry] = []
        var hasGap = isMissing == 1
        for index in stride(from: 0, to: list.count, by: 3) {
            guard let number = list[index].unsigned, let epoch = list[index + 1].unsigned, let bytes = list[index + 2].bytes
            else {
                return nil
            }
            guard let envelope = try? Envelope(decoding: bytes) else {
                hasGap = true
                continue
            }
            guard case .publication(let publication) = envelope.message, publication.hub == hub else { continue }
            entries.append(.init(position: Position(epoch: epoch, number: number), publication: publication))
        }
        self.position = Position(epoch: epoch, number: number)
        self.history = history.isEmpty ? nil : history
        self.page = HistoryPage(
            entries: entries,
            through: Position(epoch: epoch, number: through),
            isLast: isLast == 1,
            hasGap: hasGap
        )
    }
}
