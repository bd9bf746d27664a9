public import NIOCore
public import VolaryProtocol

/// A publication in a hub's order. Which connections get it is in the publication itself: its audience and its details.
public struct HubPublication: Hashable, Sendable {
    public let publication: Publication

    public init(_ publication: Publication) {
        self.publication = publication
    }

    /// Milliseconds since 1970, on the clock of the node that accepted it. From then on, with a tolerance for the clocks of other nodes, the
    /// payload is not sent; its dense number is used up all the same.
    public var expiresAt: Int64? {
        self.publication.details?.secondsToLive.map { self.publication.timestamp + Int64($0) * 1000 }
    }

    /// Whether it is for every member of its topic: a connection need not be looked at.
    var isForAllMembers: Bool {
        guard self.publication.kind != .system else { return false }
        return self.publication.details.map { !$0.isSelective && $0.secondsToLive == nil } ?? true
    }

    /// Bytes of memory, about: the payload and what is kept with it.
    var bytes: Int {
        let details = self.publication.details
        return 256 + self.publication.payload.readableBytes + 16 * (details?.excluded.count ?? 0)
            + (details?.filter?.text.utf8.count ?? 0)
    }
}

/// A change of one connection, in its own topic. The owner applies it when it reaches the entry's number.
public enum ControlEntry: Hashable, Sendable {
    case joined(AudienceName)
    case left(AudienceName)
    case permissions(Set<UTF8Text>)
    case state(ByteBuffer)

    var bytes: Int {
        switch self {
        case .joined(let group), .left(let group): 128 + group.byteCount
        case .permissions(let permissions): permissions.reduce(128) { $0 + 48 + $1.utf8.count }
        case .state(let state): 128 + state.readableBytes
        }
    }
}

/// One entry of a topic's log. The topics of a hub are its audiences: all, groups, users, and each session's own.
public struct LogEntry: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case publication(HubPublication)
        case control(ControlEntry)
        /// A command for connections without a session, which also those must answer who carry out nothing. No session is sent it.
        case command(PublicationID)
        /// Something else that nodes tell each other on the topic. No session is sent it.
        case other
        /// Something that this node cannot read, and that may be for the sessions of the topic.
        case unreadable
    }

    /// The entry's place in the hub's order.
    public let number: UInt64
    /// The number of the entry before it in its topic; 0 for the first since the topic's log began.
    public let previous: UInt64
    public let topic: Audience
    /// Milliseconds since 1970 on the store's clock; 0 if it is not known.
    public let time: Int64
    public let content: Content

    public init(number: UInt64, previous: UInt64, topic: Audience, time: Int64, content: Content) {
        self.number = number
        self.previous = previous
        self.topic = topic
        self.time = time
        self.content = content
    }

    /// A publication for every member of the topic; nil for anything else.
    var publicationForAllMembers: HubPublication? {
        guard case .publication(let publication) = self.content, publication.isForAllMembers else { return nil }
        return publication
    }

    /// Bytes of memory, about, overhead included.
    public var bytes: Int {
        switch self.content {
        case .publication(let publication): 96 + publication.bytes
        case .control(let control): 96 + control.bytes
        case .command, .other, .unreadable: 96
        }
    }
}
