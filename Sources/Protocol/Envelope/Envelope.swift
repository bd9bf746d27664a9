public import NIOCore

/// What travels through the broker: one ``NodeMessage``, who sent it, and its place among all that this node has sent.
///
/// `sequence` rises by at least one from each envelope of a node to its next, in the order in which the node hands them to the broker.
/// A receiver therefore drops an envelope whose sequence is not above the last it has seen from that origin: a publisher may send
/// again what it does not know to have arrived.
public struct Envelope: Hashable, Sendable {
    public let origin: NodeID
    public let sequence: UInt64
    public let message: NodeMessage
    /// How often it had been sent before, modulo 16. The same in two copies of a log only if both have it from one sending.
    public let attempt: UInt8

    /// - Parameter attempt: modulo 16.
    public init(origin: NodeID, sequence: UInt64, message: NodeMessage, attempt: UInt8 = 0) {
        self.origin = origin
        self.sequence = sequence
        self.message = message
        self.attempt = attempt % 16
    }

    /// The bytes that carry it, by ``EnvelopeCodec``.
    public func encoded(allocator: ByteBufferAllocator = ByteBufferAllocator()) -> ByteBuffer {
        EnvelopeCodec.encode(self, allocator: allocator)
    }

    /// Makes the bytes of an envelope, which begin at the reader index, those of its next attempt.
    public static func countAttempt(in bytes: inout ByteBuffer) {
        EnvelopeCodec.countAttempt(in: &bytes)
    }

    /// Whether bytes that cannot be decoded may have been meant for clients: they begin as an envelope of whichever version does, and are no
    /// receipts.
    public static func mayConcernClients(_ bytes: ByteBuffer) -> Bool { EnvelopeCodec.mayConcernClients(bytes) }

    /// - Parameter bytes: exactly one envelope.
    /// - Throws: ``EnvelopeError`` for every sequence of bytes that ``encoded(allocator:)`` does not make.
    public init(decoding bytes: ByteBuffer) throws(EnvelopeError) {
        self = try EnvelopeCodec.decode(bytes)
    }
}

/// Why bytes are not an envelope.
public enum EnvelopeError: Error, Hashable, Sendable {
    case notAnEnvelope
    /// Written by a node of another version; the number is theirs.
    case unsupportedVersion(UInt8)
    case truncated
    case trailingBytes
    /// A field holds a value outside its range; the text is the field's name.
    case invalid(field: String)
    /// Larger than ``Limits/maximumEnvelopeBytes``.
    case tooLarge
}
