public import NIOCore

/// One message on its way to connections, as nodes relay it.
public struct Publication: Hashable, Sendable {
    /// What a publication is to the client that gets it: in the plain protocol, its `type`.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// From the cluster itself: joins and leaves.
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
        /// A JSON text in well-formed UTF-8; from REST callers only. A node that does not know it ignores the message, and logs that.
        case json = 3
    }

    /// What the nodes that get a publication say of it with a ``Receipt``.
    public enum Confirmation: Hashable, Sendable {
        case none
        /// How many connections took it.
        case routed
        /// How many connections' bytes left for the kernel within so many milliseconds of its arrival at the node.
        case written(milliseconds: UInt32)
    }

    public let id: PublicationID
    public let kind: Kind
    /// The connection that sent it; nil when the cluster or a REST caller did.
    public let sender: ConnectionID?
    public let audience: Audience
    public let dataType: DataType
    /// When its node took it, in milliseconds since 1970, UTC, on that node's clock.
    public let timestamp: Int64
    public let confirmation: Confirmation
    /// At most ``Limits/maximumPayloadBytes``; well-formed UTF-8 unless `dataType` is binary.
    public let payload: ByteBuffer

    public init(
        id: PublicationID,
        kind: Kind,
        sender: ConnectionID? = nil,
        audience: Audience = .all,
        dataType: DataType = .text,
        timestamp: Int64,
        confirmation: Confirmation = .none,
        payload: ByteBuffer
    ) {
        self.id = id
        self.kind = kind
        self.sender = sender
        self.audience = audience
        self.dataType = dataType
        self.timestamp = timestamp
        self.confirmation = confirmation
        self.payload = payload
    }
}
