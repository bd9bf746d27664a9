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
    /// The unmasked bytes in `scratch` that are being inflated: how many have been used, and how many there are. nil when all that
    /// arrived is inflated.
    private var current: (used: Int, count: Int)?
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

    var inflatedBytes: Int { self.payload.readableBytes }

    /// - Parameters:
    ///   - offset: how many bytes of the frame's payload came before these.
    ///   - maximum: how many bytes to inflate, at most.
    /// - Returns: how many bytes have been used. If not all, more is to be inflated. The next call must begin with the bytes that
    ///   have not been used.
    func take(
        _ masked: UnsafeRawBufferPointer,
        key: UInt32,
        offset: Int,
        inflating maximum: Int
    ) throws(ProtocolViolation) -> Int {
        let limit = self.payload.readableBytes + min(maximum, self.maximumBytes)
        var taken = 0
        while taken < masked.count {
            if self.current == nil {
                let part = UnsafeRawBufferPointer(rebasing: masked[taken...].prefix(self.scratch.count))
                Masking.unmask(part, into: self.scratch, key: key, offset: offset + taken)
                self.current = (used: 0, count: part.count)
            }
            guard let count = try self.inflateCurrent(to: limit) else { break }
            taken += count
        }
        return taken
    }

    /// - Returns: the size of the current part if all of it has been inflated; nil if the output has reached the limit before.
    private func inflateCurrent(to limit: Int) throws(ProtocolViolation) -> Int? {
        guard let (used, count) = self.current else { return 0 }
        var input = UnsafeRawBufferPointer(rebasing: self.scratch[used..<count])
        guard try self.inflate(&input, to: limit) else {
            self.current = (used: count - input.count, count: count)
            return nil
        }
        self.current = nil
        return count
    }

    /// - Returns: the message, after the last byte of its last frame.
    func finish() throws(ProtocolViolation) -> ByteBuffer {
        // An empty message has no data at all. After a final block there is no tail to add.
        if !self.inflater.isFresh {
            // The sender has removed these 4 bytes.
            self.scratch.storeBytes(of: UInt32(0x0000_FFFF).bigEndian, as: UInt32.self)
            var tail = UnsafeRawBufferPointer(rebasing: self.scratch[..<4])
            // Some kilobytes at most: all before is inflated.
            _ = try self.inflate(&tail, to: self.maximumBytes)
            guard self.inflater.isFresh || self.inflater.isAtEndOfBlock else { throw .notDeflated }
        }
        guard self.validator?.isComplete != false else { throw .textNotUTF8 }
        return self.payload
    }

    /// - Parameter limit: of the message so far.
    /// - Returns: whether all of the input has been used. If not, the output has reached the limit.
    private func inflate(_ input: inout UnsafeRawBufferPointer, to limit: Int) throws(ProtocolViolation) -> Bool {
        var hasMore: Bool
        repeat {
            let room = min(self.maximumBytes, limit) - self.payload.readableBytes
            if room > 0 {
                hasMore = try self.inflate(&input, room: room)
            } else if limit < self.maximumBytes {
                return false
            } else {
                hasMore = try self.inflateNothing(&input)
            }
        } while hasMore || !input.isEmpty
        return true
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
