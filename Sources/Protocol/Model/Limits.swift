/// Limits that all nodes of a cluster must share, so that every node accepts what another sends. The limits that an operator may
/// set are in the node's configuration, and lie within these.
public enum Limits {
    /// The largest payload of a publication, in bytes: 16 MiB. By default Redis disconnects a subscriber that has 32 MiB of
    /// unsent output.
    public static let maximumPayloadBytes = 16 * 1024 * 1024
    /// Magic, format, type, lowest format, origin, sequence.
    public static let envelopeHeaderBytes = 16
    /// The largest envelope, in bytes: the largest payload, and before it up to 80 bytes, a ``HubName`` and an
    /// ``AudienceName``, and room for fields of later formats.
    public static let maximumEnvelopeBytes = Self.maximumPayloadBytes + 4096
    /// Receipts in one envelope: at most 1,000, about 20 KB.
    public static let maximumReceiptsPerEnvelope = 1000
    /// Bytes of a close frame's reason: a control frame carries 125 (RFC 6455 section 5.5), and the code takes two.
    public static let maximumCloseReasonBytes = 123
    /// Bytes at the end of a publication that differ from connection to connection (``ClientProtocol/tailBytes``).
    public static let maximumTailBytes = 64
}
