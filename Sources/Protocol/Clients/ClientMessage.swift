public import NIOCore

/// A complete message of a client protocol, to or from a client. The transport frames it.
public enum ClientMessage: Hashable, Sendable {
    /// Well-formed UTF-8.
    case text(ByteBuffer)
    case binary(ByteBuffer)

    /// Size without framing.
    public var byteCount: Int {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes.readableBytes
        }
    }
}
