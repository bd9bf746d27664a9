public import NIOCore

/// Writes a server's frames: final, unmasked, with the length in its shortest form (RFC 6455 section 5.2).
///
/// A frame does not depend on the connection it goes to. One buffer is therefore made per publication and handed to all.
public enum FrameEncoder {
    /// A frame of its own.
    ///
    /// - Parameter payload: for text, well-formed UTF-8 (not checked here); for a control frame, at most 125 bytes.
    /// - Returns: the frame, in one allocation of its exact size (which the allocator may round up).
    public static func encode(
        opcode: Opcode,
        payload: ByteBuffer,
        allocator: ByteBufferAllocator = ByteBufferAllocator()
    ) -> ByteBuffer {
        let length = payload.readableBytes
        var frame = allocator.buffer(capacity: self.headerBytes(payloadLength: length) + length)
        self.append(opcode: opcode, payload: payload, to: &frame)
        return frame
    }

    /// Writes a frame behind what `bytes` already holds, so that several frames can leave in one write.
    ///
    /// - Parameters:
    ///   - payload: for text, well-formed UTF-8 (not checked here); for a control frame, at most 125 bytes.
    ///   - isCompressed: whether it is what ``Deflater`` made of a message (RFC 7692 section 6).
    public static func append(opcode: Opcode, payload: ByteBuffer, isCompressed: Bool = false, to bytes: inout ByteBuffer) {
        let length = payload.readableBytes
        precondition(!opcode.isControl || length <= 125, "a control frame carries at most 125 bytes")
        bytes.write(atMost: self.headerBytes(payloadLength: length) + length) { writer in
            writer.write((isCompressed ? 0xC0 : 0x80) | opcode.rawValue)
            switch length {
            case ...125:
                writer.write(UInt8(length))
            case ...0xFFFF:
                writer.write(UInt8(126))
                writer.write(UInt16(length))
            default:
                writer.write(UInt8(127))
                writer.write(UInt64(length))
            }
            writer.write(payload)
        }
    }

    /// A close frame (RFC 6455 section 5.5.1).
    ///
    /// - Parameters:
    ///   - code: one that ``CloseCode/canSend`` allows; nil gives a frame without payload, and the reason is left out too.
    ///   - reason: cut to ``Limits/maximumCloseReasonBytes``, between two Unicode scalars.
    public static func close(
        code: CloseCode?,
        reason: String = "",
        allocator: ByteBufferAllocator = ByteBufferAllocator()
    ) -> ByteBuffer {
        guard let code else { return self.encode(opcode: .close, payload: ByteBuffer(), allocator: allocator) }
        let prefix = reason.prefix(maximumBytes: Limits.maximumCloseReasonBytes).utf8
        let length = 2 + prefix.count
        var frame = allocator.buffer(capacity: self.headerBytes(payloadLength: length) + length)
        frame.writeMultipleIntegers(0x80 | Opcode.close.rawValue, UInt8(length), code.rawValue)
        frame.writeBytes(prefix)
        return frame
    }

    /// The bytes in front of a payload: 2, 4 or 10.
    private static func headerBytes(payloadLength: Int) -> Int {
        switch payloadLength {
        case ...125: 2
        case ...0xFFFF: 4
        default: 10
        }
    }
}
