public import NIOCore

/// A message between nodes: one ``NodeMessage``, the node that sent it, and its sequence number at that node.
///
/// `sequence` rises by at least one with each envelope of a node, in the order in which the node hands them to the broker. A
/// receiver drops an envelope whose sequence is not above the last one that it has received from that origin. A publisher may
/// therefore send an envelope again when it does not know whether it arrived.
public struct Envelope: Hashable, Sendable {
    public let origin: NodeID
    public let sequence: UInt64
    public let message: NodeMessage
    /// How often it had been sent before, modulo 16. Two copies of a log have the same value only if both hold the same
    /// transmission.
    public let attempt: UInt8
    /// The place of the message in the order of its hub, set by the broker that delivers it; not encoded. Nil where it has none, or
    /// where messages with a lower number may follow.
    public var position: Position?

    /// - Parameter attempt: modulo 16.
    public init(origin: NodeID, sequence: UInt64, message: NodeMessage, attempt: UInt8 = 0) {
        self.origin = origin
        self.sequence = sequence
        self.message = message
        self.attempt = attempt % 16
    }

    /// The envelope in the binary form of ``EnvelopeCodec``.
    public func encoded(allocator: ByteBufferAllocator = ByteBufferAllocator()) -> ByteBuffer {
        EnvelopeCodec.encode(self, allocator: allocator)
    }

    /// Raises the attempt of an encoded envelope by one, in place. The envelope begins at the reader index.
    public static func countAttempt(in bytes: inout ByteBuffer) {
        EnvelopeCodec.countAttempt(in: &bytes)
    }

    /// Whether bytes that cannot be decoded may have been meant for clients: they begin as an envelope of any format does, and the
    /// type is neither receipts nor one that no format gives to messages for clients.
    public static func mayConcernClients(_ bytes: ByteBuffer) -> Bool { EnvelopeCodec.mayConcernClients(bytes) }

    /// - Parameter bytes: exactly one envelope.
    /// - Throws: ``EnvelopeError`` for every sequence of bytes that neither ``encoded(allocator:)`` makes nor a later format that
    ///   this node can read.
    public init(decoding bytes: ByteBuffer) throws(EnvelopeError) {
        self = try EnvelopeCodec.decode(bytes)
    }
}

/// Why bytes are not an envelope.
public enum EnvelopeError: Error, Hashable, Sendable {
    case notAnEnvelope
    /// Written by a node of another format, which is the value, and not readable for this one.
    case unsupportedFormat(UInt8)
    /// The value is the type, 0 to 15.
    case unknownType(UInt8)
    /// A field that may not be skipped.
    case unknownField(tag: UInt8)
    case truncated
    case trailingBytes
    /// A field holds a value outside its range. The value is the field's name.
    case invalid(field: String)
    /// Larger than ``Limits/maximumEnvelopeBytes``.
    case tooLarge
}
