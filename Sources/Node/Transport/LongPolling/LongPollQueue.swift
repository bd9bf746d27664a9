import DequeModule
import NIOCore

/// The messages that wait for the next poll of a client. Pure.
struct LongPollQueue {
    /// Bytes of one answer: 64 KiB, exceeded by at most one message.
    static let answerBytes = 64 * 1024

    private var messages: Deque<(bytes: ByteBuffer, written: EventLoopPromise<Void>?)> = []
    private(set) var bytes = 0
    /// Whether the first message has not been taken: the answer to a handshake, which stands alone.
    private var hasFirst = true

    var isEmpty: Bool { self.messages.isEmpty }

    mutating func append(_ bytes: ByteBuffer, written: EventLoopPromise<Void>?) {
        self.messages.append((bytes, written))
        self.bytes += bytes.readableBytes
    }

    /// Completes the promise when everything before it has been written.
    /// - Returns: false when nothing waits.
    mutating func mark(_ written: EventLoopPromise<Void>) -> Bool {
        guard !self.messages.isEmpty else { return false }
        self.messages.append((ByteBuffer(), written))
        return true
    }

    /// Removes the messages of the next answer.
    mutating func take() -> (body: ByteBuffer, written: [EventLoopPromise<Void>]) {
        var (body, written): (ByteBuffer, [EventLoopPromise<Void>]) = (ByteBuffer(), [])
        while let (bytes, promise) = self.messages.first,
            body.readableBytes == 0 || bytes.readableBytes == 0
                || !self.hasFirst && body.readableBytes + bytes.readableBytes <= Self.answerBytes
        {
            self.messages.removeFirst()
            self.bytes -= bytes.readableBytes
            if let promise { written.append(promise) }
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        }
        self.hasFirst = false
        return (body, written)
    }

    /// - Returns: what nobody will be told to be written.
    mutating func removeAll() -> [EventLoopPromise<Void>] {
        defer {
            self.messages = []
            self.bytes = 0
        }
        return self.messages.compactMap(\.written)
    }
}
