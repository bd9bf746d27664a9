public import NIOCore

/// A complete message from a client.
public enum ClientMessage: Hashable, Sendable {
    /// Well-formed UTF-8.
    case text(ByteBuffer)
    case binary(ByteBuffer)
}
