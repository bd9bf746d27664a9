public import NIOCore

/// One message to one audience of one hub, as nodes relay it.
public struct Publication: Hashable, Sendable {
    /// Where a publication comes from. In the plain protocol, the `type` of the message.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// From the cluster itself: announcements of joins and leaves.
        case system = 1
        /// From a client.
        case message = 2
        /// From a REST caller.
        case serverBroadcast = 3
    }

    public enum DataType: UInt8, Sendable, CaseIterable {
        /// Well-formed UTF-8.
        case text = 1
        case binary = 2
        /// A JSON text in well-formed UTF-8.
        case json = 3
        /// A packed `google.protobuf.Any`.
        case protobuf = 4

        /// Whether the payload is well-formed UTF-8.
        public var isText: Bool {
            switch self {
            case .text, .json: true
            case .binary, .protobuf: false
            }
        }
    }

    /// What the nodes that get a publication report in a ``Receipt``.
    public enum Confirmation: Hashable, Sendable {
        case none
        /// The number of connections that took it.
        case routed
        /// The number of connections whose bytes were handed to the kernel within this time of the publication's arrival at the
        /// node.
        case written(milliseconds: UInt32)
    }

    public let id: PublicationID
    public let kind: Kind
    /// The connection that sent it; nil when the cluster or a REST caller sent it.
    public let sender: ConnectionID?
    public let hub: HubName
    public let audience: Audience
    public let dataType: DataType
    /// When its node accepted it, in milliseconds since 1970, UTC, on that node's clock.
    public let timestamp: Int64
    public let confirmation: Confirmation
    /// nil in most publications.
    public let details: PublicationDetails?
    /// At most ``Limits/maximumPayloadBytes``; well-formed UTF-8 if the data type is a text (``DataType/isText``).
    public let payload: ByteBuffer

    public init(
        id: PublicationID,
        kind: Kind,
        sender: ConnectionID? = nil,
        hub: HubName,
        audience: Audience = .all,
        dataType: DataType = .text,
        timestamp: Int64,
        confirmation: Confirmation = .none,
        details: PublicationDetails? = nil,
        payload: ByteBuffer
    ) {
        self.id = id
        self.kind = kind
        self.sender = sender
        self.hub = hub
        self.audience = audience
        self.dataType = dataType
        self.timestamp = timestamp
        self.confirmation = confirmation
        self.details = details
        self.payload = payload
    }

    /// The topic on which it is published.
    public var topic: Topic { self.audience.topic(in: self.hub) }
}
