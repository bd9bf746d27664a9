/// Limits that all nodes of a cluster must share, so that every node accepts what another sends. The limits that an operator may
/// set are in the node's configuration, and lie within these.
public enum Limits {
    /// The largest payload of a publication, in bytes: 16 MiB. By default Redis disconnects a subscriber that has 32 MiB of
    /// unsent output.
    public static let maximumPayloadBytes = 16 * 1024 * 1024
    /// Magic, format, type, lowest format, origin, sequence.
    public static let envelopeHeaderBytes = 16
    /// The largest envelope, in bytes: the largest payload, and before it at most 128 KiB: fields of at most 80 KiB, and room for
    /// those of later formats.
    public static let maximumEnvelopeBytes = Self.maximumPayloadBytes + 128 * 1024
    /// Groups in one command: 2,000.
    public static let maximumGroupsPerCommand = 2000
    /// A text that explains the end of connections: 4 KiB of UTF-8.
    public static let maximumCloseTextBytes = 4096
    /// Receipts in one envelope: at most 1,000, about 20 KB.
    public static let maximumReceiptsPerEnvelope = 1000
    /// What one node knows of a message: 64 KiB of JSON.
    public static let maximumTraceBytes = 64 * 1024
    /// Bytes of a close frame's reason: a control frame carries 125 (RFC 6455 section 5.5), and the code takes two.
    public static let maximumCloseReasonBytes = 123
    /// Bytes at the end of a publication that differ from connection to connection (``ClientProtocol/tailBytes``).
    public static let maximumTailBytes = 64
}
