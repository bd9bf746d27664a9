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
    }

    public let id: PublicationID
    public let kind: Kind
    /// The connection that sent it; nil when the cluster or a REST caller did.
    public let sender: ConnectionID?
    /// The one connection it is for; nil when it is for all that the topic reaches.
    public let target: ConnectionID?
    public let dataType: DataType
    /// When its node took it, in milliseconds since 1970, UTC, on that node's clock.
    public let timestamp: Int64
    /// Whether every node that gets it answers with a ``Receipt``.
    public let wantsReceipt: Bool
    /// At most ``Limits/maximumPayloadBytes``; well-formed UTF-8 when `dataType` is text.
    public let payload: ByteBuffer

    public init(
        id: PublicationID,
        kind: Kind,
        sender: ConnectionID? = nil,
        target: ConnectionID? = nil,
        dataType: DataType = .text,
        timestamp: Int64,
        wantsReceipt: Bool = false,
        payload: ByteBuffer
    ) {
        self.id = id
        self.kind = kind
        self.sender = sender
        self.target = target
        self.dataType = dataType
        self.timestamp = timestamp
        self.wantsReceipt = wantsReceipt
        self.payload = payload
    }
}
