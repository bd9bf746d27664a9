import NIOCore

/// The pieces of a streamed answer between its producer and the channel. Bound to the channel's event loop.
///
/// A piece is written and flushed only while the channel is writable; otherwise its producer waits. So the node buffers at most
/// the channel's high-water mark (64 KiB) and one piece (``ResponseBodyWriter/maximumPieceBytes``) of an answer.
struct AnswerStream {
    typealias Piece = (bytes: ByteBuffer, taken: CheckedContinuation<Void, any Error>)

    private enum State {
        /// No answer is being streamed.
        case idle
        /// - Parameter ended: the continuation of ``waitForEnd(_:)``.
        case streaming(ended: CheckedContinuation<Bool, Never>?)
        /// Pieces are not accepted any more.
        case failed(any Error)
    }

    private var state = State.idle
    private var waiting: CircularBuffer<Piece> = []
    /// Whether no piece has been written since the last call of ``takeSilence()``.
    private var isSilent = true
    /// Ends a stream that is silent for too long.
    var silenceTimer: Scheduled<Void>?

    var isStreaming: Bool { if case .streaming = self.state { true } else { false } }

    /// Call when the head of the answer has been written.
    mutating func begin() {
        if case .idle = self.state { self.state = .streaming(ended: nil) }
    }

    /// - Parameter continuation: resumed with true when the producer has returned or thrown, and with false when the stream
    ///   fails.
    mutating func waitForEnd(_ continuation: CheckedContinuation<Bool, Never>) {
        switch self.state {
        case .idle: continuation.resume(returning: true)
        case .streaming: self.state = .streaming(ended: continuation)
        case .failed: continuation.resume(returning: false)
        }
    }

    /// Call when the producer has returned or thrown.
    mutating func end() {
        guard case .streaming(let ended) = self.state else { return }
        self.state = .idle
        ended?.resume(returning: true)
    }

    /// Appends a piece, which ``next(isWritable:)`` returns later.
    mutating func append(_ piece: Piece) {
        switch self.state {
        case .idle: piece.taken.resume(throwing: ChannelError.outputClosed)
        case .failed(let error): piece.taken.resume(throwing: error)
        case .streaming: self.waiting.append(piece)
        }
    }

    /// The next piece to write. Resumes its producer.
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

    /// Call when the client has disconnected, or the node has no more time. Pending and later writes throw the error.
    mutating func fail(_ error: any Error) {
        if case .failed = self.state { return }
        let state = self.state
        self.state = .failed(error)
        if case .streaming(let ended) = state { ended?.resume(returning: false) }
        while let piece = self.waiting.popFirst() { piece.taken.resume(throwing: error) }
    }
}
