import NIOCore

extension ByteBuffer {
    /// Appends a copy behind the bytes that are not read yet, and gives back the room of those that are.
    ///
    /// For a buffer that is filled at one end and read at the other: a plain write keeps everything that was ever read, for as
    /// long as the two ends do not meet. At most a few times the unread bytes are kept; a byte is moved once on average.
    mutating func enqueue(_ more: ByteBuffer) {
        if self.readerIndex >= self.readableBytes { self.discardReadBytes() }
        self.writeImmutableBuffer(more)
    }
}
