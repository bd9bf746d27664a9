import NIOCore

/// The first 6 to 14 bytes of a client's frame (RFC 6455 section 5.2).
struct FrameHeader: Sendable {
    let isFinal: Bool
    /// Whether the message that begins with this frame is compressed (RFC 7692 section 6).
    let isCompressed: Bool
    let opcode: Opcode
    /// As in the header, with the first byte highest.
    let maskingKey: UInt32
    /// In bytes; 0 to 2^63 - 1, and at most 125 in a control frame.
    let payloadLength: Int

    /// Parses a header, and checks all that does not depend on earlier frames.
    ///
    /// - Parameters:
    ///   - bytes: what has arrived, from the frame's first byte on.
    ///   - allowsCompression: whether permessage-deflate was negotiated. If so, the first reserved bit may be set in a text or
    ///     binary frame.
    /// - Returns: the header and its length in bytes; nil while it is incomplete.
    /// - Throws: as soon as the bytes that have arrived are wrong, even if the header is incomplete.
    static func parse(
        _ bytes: UnsafeRawBufferPointer,
        allowsCompression: Bool
    ) throws(ProtocolViolation) -> (header: FrameHeader, length: Int)? {
        guard bytes.count >= 1 else { return nil }
        let isFinal = bytes[0] & 0x80 != 0
        let isCompressed = bytes[0] & 0x40 != 0
        guard bytes[0] & 0x30 == 0, allowsCompression || !isCompressed else { throw .reservedBits }
        guard let opcode = Opcode(rawValue: bytes[0] & 0x0F) else { throw .reservedOpcode }
        guard !isCompressed || opcode == .text || opcode == .binary else { throw .reservedBits }
        guard isFinal || !opcode.isControl else { throw .controlFrameFragmented }

        guard bytes.count >= 2 else { return nil }
        guard bytes[1] & 0x80 != 0 else { throw .notMasked }
        let shortLength = Int(bytes[1] & 0x7F)
        guard shortLength <= 125 || !opcode.isControl else { throw .controlFrameTooLong }

        let payloadLength: Int
        let keyOffset: Int
        switch shortLength {
        case 126:
            guard bytes.count >= 4 else { return nil }
            payloadLength = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            keyOffset = 4
            guard payloadLength > 125 else { throw .lengthNotMinimal }
        case 127:
            guard bytes.count >= 10 else { return nil }
            let length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard let length = Int(exactly: length) else { throw .lengthOutOfRange }
            payloadLength = length
            keyOffset = 10
            guard payloadLength > 0xFFFF else { throw .lengthNotMinimal }
        default:
            payloadLength = shortLength
            keyOffset = 2
        }

        guard bytes.count >= keyOffset + 4 else { return nil }
        let maskingKey = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: keyOffset, as: UInt32.self))
        let header = FrameHeader(
            isFinal: isFinal,
            isCompressed: isCompressed,
            opcode: opcode,
            maskingKey: maskingKey,
            payloadLength: payloadLength
        )
        return (header, keyOffset + 4)
    }
}

extension FrameHeader {
    /// Reads one header that may arrive in parts. It keeps the bytes of an incomplete header, without allocation.
    struct Reader: Sendable {
        /// Room for 16 bytes, of which a header needs at most 14.
        private var words: (UInt64, UInt64) = (0, 0)
        private var count: UInt8 = 0

        /// Whether no byte of a header has arrived.
        var isEmpty: Bool { self.count == 0 }

        /// - Parameter bytes: the bytes that belong to the header are consumed; all of them when the result is nil.
        mutating func next(_ bytes: inout ByteBuffer, allowsCompression: Bool) throws(ProtocolViolation) -> FrameHeader? {
            let whole = try bytes.withUnsafeReadableBytes { bytes throws(ProtocolViolation) in
                self.count == 0 ? try FrameHeader.parse(bytes, allowsCompression: allowsCompression) : nil
            }
            if let whole {
                bytes.moveReaderIndex(forwardBy: whole.length)
                return whole.header
            }
            while let byte = bytes.readInteger(as: UInt8.self) {
                if let torn = try self.append(byte, allowsCompression: allowsCompression) { return torn }
            }
            return nil
        }

        private mutating func append(_ byte: UInt8, allowsCompression: Bool) throws(ProtocolViolation) -> FrameHeader? {
            let count = Int(self.count)
            // 14 bytes always make a whole header or a violation, so `count` is below 14 here.
            withUnsafeMutableBytes(of: &self.words) { $0[count] = byte }
            self.count += 1
            let parsed = try withUnsafeBytes(of: self.words) { bytes throws(ProtocolViolation) in
                try FrameHeader.parse(UnsafeRawBufferPointer(rebasing: bytes[...count]), allowsCompression: allowsCompression)
            }
            return parsed?.header
        }
    }
}
