import NIOCore

extension ByteBuffer {
    /// Appends a copy of `more` to the unread bytes, and reuses the space of bytes that have been read.
    ///
    /// For a buffer that is written at one end and read at the other. A plain write keeps all bytes that have been read until
    /// the buffer is empty. This one keeps at most a few times the unread bytes, and moves each byte once on average.
    mutating func enqueue(_ more: ByteBuffer) {
        if self.readerIndex >= self.readableBytes { self.discardReadBytes() }
        self.writeImmutableBuffer(more)
    }
}
