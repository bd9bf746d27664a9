import NIOCore
import VolaryBackplane
import VolaryProtocol

/// What a reader that resumes has missed, from the logs.
struct EventStreamHistory: Sendable {
    let broker: any Broker
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    func page(of topics: Set<Topic>, after position: Position) async -> Result<HistoryPage, HistoryError> {
        do throws(HistoryError) {
            return .success(try await self.broker.read(topics, after: position, limit: HistoryPage.maximumPublications))
        } catch {
            return .failure(error)
        }
    }

    /// The events of a page for one reader, and the position behind them.
    func events(of page: HistoryPage, for connection: Connection, _ format: EventStreamProtocol) -> ByteBuffer {
        var events = page.hasGap ? format.gap(at: self.now()) : ByteBuffer()
        for entry in page.entries where !entry.publication.isOver(now: self.now) {
            guard entry.publication.details?.selects(connection) ?? true,
                case .text(let event) = format.encode(entry.publication, at: entry.position)
            else { continue }
            events.writeImmutableBuffer(event)
        }
        events.writeImmutableBuffer(EventStreamProtocol.mark(page.through))
        return events
    }
}
