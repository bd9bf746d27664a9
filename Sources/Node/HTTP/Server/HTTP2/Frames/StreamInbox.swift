import NIOCore

/// Bytes of a stream that its handlers have not taken yet, in one buffer. Pure.
///
/// The channel of a stream is always read. NIO would hold the frames of a stream that is not read, each with memory of its own, so that
/// small frames would take many times the window. Here bytes take what they are. ``FrameGatherer/holdWindow(of:)`` keeps the client
/// from sending more.
struct StreamInbox {
    private var bytes = ByteBuffer()
    /// Whether the client has ended its half.
    var isEnded = false

    var isEmpty: Bool { self.bytes.readableBytes == 0 }

    /// - Returns: false when the client sends more than its window allows. Nothing is added then.
    mutating func add(_ more: ByteBuffer) -> Bool {
        guard self.bytes.readableBytes + more.readableBytes <= HTTP2Settings.streamWindow else { return false }
        // A copy: the frame is a part of a larger buffer.
        self.bytes.writeImmutableBuffer(more)
        return true
    }

    mutating func take() -> ByteBuffer {
        defer { self.bytes = ByteBuffer() }
        return self.bytes
    }
}
