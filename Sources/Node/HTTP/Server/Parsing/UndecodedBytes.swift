import NIOCore

/// Bytes of a client that a decoder has not finished with, in their order. Pure.
struct UndecodedBytes {
    private var bytes = ByteBuffer()
    /// Of these, from the beginning on, what the decoder has seen and wants to see again with what follows: a field that is not whole.
    private var seen = 0

    var count: Int { self.bytes.readableBytes }
    /// Whether there is more than the decoder has seen.
    var hasNew: Bool { self.count > self.seen }

    mutating func append(_ more: ByteBuffer) {
        if self.count == 0 { self.bytes = more } else { self.bytes.enqueue(more) }
    }

    /// - Returns: what the decoder has seen, and so many bytes more, at most.
    func piece(of newBytes: Int) -> ByteBuffer? {
        self.bytes.getSlice(at: self.bytes.readerIndex, length: min(self.count, self.seen + newBytes))
    }

    /// - Parameters:
    ///   - piece: as of ``piece(of:)``.
    ///   - rest: what the decoder has left of it.
    mutating func decoded(_ piece: ByteBuffer, leaving rest: ByteBuffer) {
        self.bytes.moveReaderIndex(forwardBy: piece.readableBytes - rest.readableBytes)
        self.seen = rest.readableBytes
        // The memory of the read that it came with.
        if self.count == 0 { self.bytes = ByteBuffer() }
    }

    /// Drops what is past so many bytes.
    /// - Returns: whether there was any.
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
