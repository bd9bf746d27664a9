/// Bounds that every node of a cluster must share, so that what one sends another takes. What an operator may change is
/// in the node's configuration, and bounded by these.
public enum Limits {
    /// The largest payload of a publication, in bytes: 16 MiB. Redis' own default cuts off a subscriber that has 32 MiB waiting.
    public static let maximumPayloadBytes = 16 * 1024 * 1024
    /// Magic, version, type, origin, sequence.
    public static let envelopeHeaderBytes = 15
    /// The largest envelope, in bytes: the largest payload and what stands before it, at most 64 bytes and a ``AudienceName``, rounded up.
    public static let maximumEnvelopeBytes = Self.maximumPayloadBytes + 4096
    /// Receipts that travel in one envelope: 1,000, about 20 KB.
    public static let maximumReceiptsPerEnvelope = 1000
    /// Bytes of a close frame's reason (RFC 6455 section 5.5: a control frame carries 125, and the code takes two).
    public static let maximumCloseReasonBytes = 123
}
