public import NIOCore

/// A complete message of a client protocol, from a client or to one. Its transport frames it.
public enum ClientMessage: Hashable, Sendable {
    /// Well-formed UTF-8.
    case text(ByteBuffer)
    case binary(ByteBuffer)

    /// Without any framing.
    public var byteCount: Int {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes.readableBytes
        }
    }
}
