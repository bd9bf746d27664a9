import NIOCore

/// Receives a client's compressed message: its bytes are unmasked, inflated and, if they are text, validated as they arrive (RFC
/// 7692 section 7.2.2).
///
/// The compressed bytes are not kept, and nothing is inflated beyond the limit. The memory is the inflated bytes so far, rounded
/// up to a power of two, and at most 40 KiB more.
final class CompressedMessage {
    /// Bytes that are unmasked and inflated at a time, and the first allocation for the message: enough for most messages.
    private static let chunkBytes = 1024

    private let inflater: Inflater
    private let maximumBytes: Int
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: CompressedMessage.chunkBytes, alignment: 8)
    private var payload = ByteBuffer()
    private var validator: UTF8Validator?
    /// Compressed bytes of all frames so far, by their headers.
    private var admitted = 0

    /// - Parameter maximumBytes: the largest inflated message, inclusive.
    init(isText: Bool, windowBits: UInt8, maximumBytes: Int) {
        self.inflater = Inflater(windowBits: windowBits)
        self.validator = isText ? UTF8Validator() : nil
        self.maximumBytes = maximumBytes
    }

    deinit { self.scratch.deallocate() }

    /// Checks the length of a frame before it is read. Deflate never doubles its input, but data that inflates to nothing could
    /// go on without end.
    func admit(_ payloadLength: Int) throws(ProtocolViolation) {
        guard payloadLength <= 2 * self.maximumBytes + 1024 - self.admitted else { throw .messageTooBig }
        self.admitted += payloadLength
    }

    /// - Parameter offset: how many bytes of the frame's payload came before these.
    func take(_ masked: UnsafeRawBufferPointer, key: UInt32, offset: Int) throws(ProtocolViolation) {
        var taken = 0
        while taken < masked.count {
            let part = UnsafeRawBufferPointer(rebasing: masked[taken...].prefix(self.scratch.count))
            Masking.unmask(part, into: self.scratch, key: key, offset: offset + taken)
            try self.inflate(UnsafeRawBufferPointer(rebasing: self.scratch[..<part.count]))
            taken += part.count
        }
    }

    /// - Returns: the message, after the last byte of its last frame.
    func finish() throws(ProtocolViolation) -> ByteBuffer {
        // An empty message has no data at all. After a final block there is no tail to add.
        if !self.inflater.isFresh {
            // The sender has removed these 4 bytes.
            self.scratch.storeBytes(of: UInt32(0x0000_FFFF).bigEndian, as: UInt32.self)
            try self.inflate(UnsafeRawBufferPointer(rebasing: self.scratch[..<4]))
            guard self.inflater.isFresh || self.inflater.isAtEndOfBlock else { throw .notDeflated }
        }
        guard self.validator?.isComplete != false else { throw .textNotUTF8 }
        return self.payload
    }

    private func inflate(_ input: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        var input = input
        var hasMore: Bool
        repeat {
            let room = self.maximumBytes - self.payload.readableBytes
            hasMore = try room > 0 ? self.inflate(&input, room: room) : self.inflateNothing(&input)
        } while hasMore || !input.isEmpty
    }

    private func inflate(_ input: inout UnsafeRawBufferPointer, room: Int) throws(ProtocolViolation) -> Bool {
        var isFull = false
        try self.payload.writeWithUnsafeMutableBytes(minimumWritableBytes: min(room, Self.chunkBytes)) {
            target throws(ProtocolViolation) in
            let target = UnsafeMutableRawBufferPointer(rebasing: target.prefix(room))
            let count = try self.inflater.inflate(&input, into: target)
            guard self.validator?.consume(UnsafeRawBufferPointer(rebasing: target[..<count])) != false else { throw .textNotUTF8 }
            isFull = count == target.count
            return count
        }
        return isFull
    }

    /// The message is at its limit: the rest of the input may only be the end of the deflate data, without any output.
    private func inflateNothing(_ input: inout UnsafeRawBufferPointer) throws(ProtocolViolation) -> Bool {
        var surplus: UInt8 = 0
        let count = try withUnsafeMutableBytes(of: &surplus) { target throws(ProtocolViolation) in
            try self.inflater.inflate(&input, into: target)
        }
        guard count == 0 else { throw .messageTooBig }
        return false
    }
}
