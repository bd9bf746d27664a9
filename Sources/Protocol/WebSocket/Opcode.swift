/// The type of a frame (RFC 6455 section 5.2). The other values are reserved, and a frame with one of them is refused.
public enum Opcode: UInt8, Hashable, Sendable, CaseIterable {
    /// The next part of the message that the last text or binary frame began.
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Whether frames of this kind carry at most 125 bytes, are never fragmented, and may stand between the fragments of a
    /// message (RFC 6455 section 5.5).
    public var isControl: Bool { self.rawValue & 0x8 != 0 }
}
