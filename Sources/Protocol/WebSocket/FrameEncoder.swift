public import NIOCore

/// Encodes a server's frames: final, unmasked, with the length in its shortest form (RFC 6455 section 5.2).
///
/// A frame is the same for every connection. It is therefore encoded once for each publication, and all connections share the
/// buffer.
public enum FrameEncoder {
    /// Encodes one frame into a new buffer.
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

    /// Bytes that an encoder of messages leaves free in front of a long one: room for a header.
    static let headroom = 16
    /// Shorter messages are copied: that costs less than to find out whether it could be avoided.
    static let copiedBytes = 0xFFFF

    /// An empty buffer for a message, with ``headroom`` if the message is long.
    static func buffer(capacity: Int, allocator: ByteBufferAllocator = ByteBufferAllocator()) -> ByteBuffer {
        guard capacity > self.copiedBytes else { return allocator.buffer(capacity: capacity) }
        var buffer = allocator.buffer(capacity: capacity + self.headroom)
        buffer.moveWriterIndex(to: self.headroom)
        buffer.moveReaderIndex(to: self.headroom)
        return buffer
    }

    /// Encodes one frame of a data message. A long payload that has ``headroom``, and no other owner, is not copied.
    /// - Parameter payload: as of ``encode(opcode:payload:allocator:)``.
    public static func frame(opcode: Opcode, payload: consuming ByteBuffer) -> ByteBuffer {
        let (length, header) = (payload.readableBytes, 10)
        let start = payload.readerIndex - header
        guard length > self.copiedBytes, start >= 0 else { return self.encode(opcode: opcode, payload: payload) }
        payload.setInteger(0x80 | opcode.rawValue, at: start)
        payload.setInteger(UInt8(127), at: start + 1)
        payload.setInteger(UInt64(length), at: start + 2)
        payload.moveReaderIndex(to: start)
        return payload
    }

    /// Appends a frame to `bytes`, so that several frames can be sent in one write.
    ///
    /// - Parameters:
    ///   - payload: for text, well-formed UTF-8 (not checked here); for a control frame, at most 125 bytes.
    ///   - isCompressed: whether the payload comes from ``Deflater`` (RFC 7692 section 6).
    ///   - tailBytes: number of spaces to append to the payload.
    public static func append(
        opcode: Opcode,
        payload: ByteBuffer,
        isCompressed: Bool = false,
        tailBytes: Int = 0,
        to bytes: inout ByteBuffer
    ) {
        let length = payload.readableBytes + tailBytes
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
            for _ in 0..<tailBytes { writer.write(UInt8(ascii: " ")) }
        }
    }

    /// Encodes a close frame (RFC 6455 section 5.5.1).
    ///
    /// - Parameters:
    ///   - code: a code that ``CloseCode/canSend`` allows. Nil gives a frame without payload: the reason is left out too.
    ///   - reason: shortened to ``Limits/maximumCloseReasonBytes``, between two Unicode scalars.
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

    /// The length of the header: 2, 4 or 10 bytes.
    private static func headerBytes(payloadLength: Int) -> Int {
        switch payloadLength {
        case ...125: 2
        case ...0xFFFF: 4
        default: 10
        }
    }
}
