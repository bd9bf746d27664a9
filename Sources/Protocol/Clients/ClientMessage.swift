public import NIOCore

/// A complete message of a client protocol, to or from a client. The transport frames it.
public enum ClientMessage: Hashable, Sendable {
    /// Well-formed UTF-8.
    case text(ByteBuffer)
    case binary(ByteBuffer)

    /// The message without framing. A session removes what it has read from the front.
    public var bytes: ByteBuffer {
        get {
            switch self {
            case .text(let bytes), .binary(let bytes): bytes
            }
        }
        set {
            switch self {
            case .text: self = .text(newValue)
            case .binary: self = .binary(newValue)
            }
        }
    }

    /// Size without framing.
    public var byteCount: Int {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes.readableBytes
        }
    }
}
