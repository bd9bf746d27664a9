import NIOCore

/// Bytes of a client that the decoder has not consumed, in order. Pure.
struct UndecodedBytes {
    private var bytes = ByteBuffer()
    /// Number of bytes at the beginning that the decoder has seen and will see again together with the next bytes: an
    /// incomplete header field.
    private var seen = 0

    var count: Int { self.bytes.readableBytes }
    /// Whether there are bytes that the decoder has not seen.
    var hasNew: Bool { self.count > self.seen }

    mutating func append(_ more: ByteBuffer) {
        if self.count == 0 { self.bytes = more } else { self.bytes.enqueue(more) }
    }

    /// - Returns: the bytes that the decoder has seen, and at most `newBytes` more.
    func piece(of newBytes: Int) -> ByteBuffer? {
        self.bytes.getSlice(at: self.bytes.readerIndex, length: min(self.count, self.seen + newBytes))
    }

    /// - Parameters:
    ///   - piece: the result of ``piece(of:)``.
    ///   - rest: the bytes of it that the decoder has not consumed.
    mutating func decoded(_ piece: ByteBuffer, leaving rest: ByteBuffer) {
        self.bytes.moveReaderIndex(forwardBy: piece.readableBytes - rest.readableBytes)
        self.seen = rest.readableBytes
        // Releases the memory of the read.
        if self.count == 0 { self.bytes = ByteBuffer() }
    }

    /// Drops the bytes above a maximum.
    /// - Returns: whether there were any.
    mutating func cut(to maximumBytes: Int) -> Bool {
        guard self.count > maximumBytes else { return false }
        self.bytes.moveWriterIndex(to: self.bytes.readerIndex + maximumBytes)
        return true
    }

    mutating func takeAll() -> ByteBuffer {
        defer { self = UndecodedBytes() }
        return self.bytes
    }
}
