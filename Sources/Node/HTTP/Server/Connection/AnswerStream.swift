import NIOCore

/// The pieces of an answer that streams, on their way from its producer to the channel. Bound to the channel's event loop.
///
/// A piece is handed to the channel, and flushed, only while the channel is writable; until then its producer waits. So what the node holds of an
/// answer is at most the channel's high watermark (64 KiB) and one piece (``ResponseBodyWriter/maximumPieceBytes``).
struct AnswerStream {
    typealias Piece = (bytes: ByteBuffer, taken: CheckedContinuation<Void, any Error>)

    private enum State {
        /// No answer streams.
        case idle
        /// - Parameter ended: as of ``waitForEnd(_:)``.
        case streaming(ended: CheckedContinuation<Bool, Never>?)
        /// Nobody takes pieces any more.
        case failed(any Error)
    }

    private var state = State.idle
    private var waiting: CircularBuffer<Piece> = []
    /// No piece has been written since ``takeSilence()`` was last called.
    private var isSilent = true

    var isStreaming: Bool { if case .streaming = self.state { true } else { false } }

    /// The answer's head has been written.
    mutating func begin() {
        if case .idle = self.state { self.state = .streaming(ended: nil) }
    }

    /// - Parameter continuation: gets true when the producer has returned or thrown, and false when nobody waits for the answer any more.
    mutating func waitForEnd(_ continuation: CheckedContinuation<Bool, Never>) {
        switch self.state {
        case .idle: continuation.resume(returning: true)
        case .streaming: self.state = .streaming(ended: continuation)
        case .failed: continuation.resume(returning: false)
        }
    }

    /// The producer has returned or thrown.
    mutating func end() {
        guard case .streaming(let ended) = self.state else { return }
        self.state = .idle
        ended?.resume(returning: true)
    }

    /// Adds a piece: ``next(isWritable:)`` has it when it is its turn.
    mutating func append(_ piece: Piece) {
        switch self.state {
        case .idle: piece.taken.resume(throwing: ChannelError.outputClosed)
        case .failed(let error): piece.taken.resume(throwing: error)
        case .streaming: self.waiting.append(piece)
        }
    }

    /// The next piece to be written; its producer goes on.
    mutating func next(isWritable: Bool) -> ByteBuffer? {
        guard isWritable, let piece = self.waiting.popFirst() else { return nil }
        piece.taken.resume()
        self.isSilent = false
        return piece.bytes
    }

    /// - Returns: whether no piece has been written since the last call.
    mutating func takeSilence() -> Bool {
        defer { self.isSilent = true }
        return self.isSilent
    }

    /// The client has left, or the node has no more time: whoever waits gets the error, now and later.
    mutating func fail(_ error: any Error) {
        if case .failed = self.state { return }
        let state = self.state
        self.state = .failed(error)
        if case .streaming(let ended) = state { ended?.resume(returning: false) }
        while let piece = self.waiting.popFirst() { piece.taken.resume(throwing: error) }
    }
}
