public import VolaryProtocol

/// Publications that were read from the logs of topics: see ``Broker/read(_:after:limit:)``.
public struct HistoryPage: Hashable, Sendable {
    /// The most publications of a page.
    public static let maximumPublications = 256
    /// The most bytes of envelopes in a page; the publication that reaches it is in the page: 1 MiB.
    public static let maximumBytes = 1024 * 1024
    /// The most topics of a request: those of a connection in as many groups as a connection may be in.
    public static let maximumTopics = GroupLimits.maximum.groups + 2

    public struct Entry: Hashable, Sendable {
        public let position: Position
        public let publication: Publication

        public init(position: Position, publication: Publication) {
            self.position = position
            self.publication = publication
        }
    }

    /// In the order of the hub.
    public let entries: [Entry]
    /// The page has everything of its topics up to here that the logs have. The next page begins behind it.
    public let through: Position
    /// Whether `through` is the position of the hub when the page was read, so that there was no more.
    public let isLast: Bool
    /// Whether publications behind the requested position may be missing: the logs do not have them any more or never had them, Redis
    /// has lost them, or a node of another version has written them. Of a request without a position, only the last counts.
    public let hasGap: Bool

    public init(entries: [Entry], through: Position, isLast: Bool, hasGap: Bool) {
        self.entries = entries
        self.through = through
        self.isLast = isLast
        self.hasGap = hasGap
    }
}

extension HistoryPage {
    /// Checks a request.
    /// - Returns: the hub of the topics.
    static func hub(of topics: Set<Topic>, limit: Int) -> HubName {
        precondition(topics.count <= Self.maximumTopics, "too many topics")
        precondition((0...Self.maximumPublications).contains(limit), "the limit is not 0 to \(Self.maximumPublications)")
        guard let hub = topics.first?.hub, topics.allSatisfy({ $0.hub == hub }) else {
            preconditionFailure("the topics are not of one hub")
        }
        return hub
    }
}

/// Why nothing could be read.
public enum HistoryError: Error, Hashable, Sendable {
    /// The link is down or too busy, Redis did not answer, or the broker is closed. A retry may succeed. The reason is for operators.
    case unavailable(reason: String)
    /// Nothing is logged, see ``BrokerSettings/Delivery/atMostOnce``.
    case notLogged
}
