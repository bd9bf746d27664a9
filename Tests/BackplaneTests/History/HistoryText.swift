import NIOCore
import VolaryBackplane
import VolaryProtocol

/// A text that was published, or read.
struct HistoryText: Hashable, Sendable {
    let position: Position
    let topic: Topic
    let text: String

    /// All pages behind a position.
    struct Pages: Hashable, Sendable {
        var texts: [HistoryText] = []
        var through: Position
        var hasGap: Bool
    }
}

extension BrokerEndpoint {
    /// Publishes to the audience that the topic stands for, and waits for the position; nil when there is none.
    func place(of text: String, on topic: Topic) async -> Position? {
        let audience: Audience =
            switch topic {
            case .all, .node: .all
            case .group(_, let name): .group(name)
            case .user(_, let name): .user(name)
            case .connection(_, let id): .connection(id)
            }
        let publication = Publication(
            id: .random(on: self.node),
            kind: .message,
            hub: topic.hub ?? .default,
            audience: audience,
            timestamp: 1_781_330_400_000,
            payload: .init(string: text)
        )
        let result = await withCheckedContinuation { continuation in
            self.broker.publish(.publication(publication), to: topic) { continuation.resume(returning: $0) }
        }
        if case .success(.relayed(_, let position)) = result { return position } else { return nil }
    }

    /// Reads page by page to the end.
    func history(of topics: Set<Topic>, after: Position?, limit: Int) async throws -> HistoryText.Pages {
        var pages: HistoryText.Pages?
        while true {
            let page = try await self.broker.read(topics, after: pages?.through ?? after, limit: limit)
            let texts = page.entries.map {
                HistoryText(position: $0.position, topic: $0.publication.topic, text: String(buffer: $0.publication.payload))
            }
            pages = .init(
                texts: (pages?.texts ?? []) + texts,
                through: page.through,
                hasGap: page.hasGap || pages?.hasGap ?? false
            )
            if page.isLast, let pages { return pages }
        }
    }
}
