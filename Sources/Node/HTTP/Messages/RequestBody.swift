import NIOCore

/// The body of a request: all bytes, if they came with the head, or a sequence of pieces that arrive while it is read.
///
/// If the body is not read, the node reads no more from the socket than ``RequestHandler`` buffers. The sequence has one
/// reader. It throws when the request is malformed, its time is up, or the client has disconnected.
struct RequestBody: Sendable, AsyncSequence {
    typealias Element = ByteBuffer

    /// The body is larger than the reader's limit.
    struct TooLarge: Error, Hashable {}

    fileprivate enum Content: Sendable {
        case bytes(ByteBuffer)
        /// Returns the next piece, or nil at the end.
        case pieces(@Sendable () async throws -> ByteBuffer?)
    }

    private let content: Content

    init(buffer: ByteBuffer) {
        self.content = .bytes(buffer)
    }

    /// - Parameter next: returns the next piece, or nil at the end.
    init(next: @escaping @Sendable () async throws -> ByteBuffer?) {
        self.content = .pieces(next)
    }

    /// - Throws: ``TooLarge`` as soon as the body exceeds the limit.
    func collect(upTo maximumBytes: Int) async throws -> ByteBuffer {
        switch self.content {
        case .bytes(let bytes):
            guard bytes.readableBytes <= maximumBytes else { throw TooLarge() }
            return bytes
        case .pieces(let next):
            var collected = ByteBuffer()
            while let piece = try await next() {
                guard collected.readableBytes + piece.readableBytes <= maximumBytes else { throw TooLarge() }
                if collected.readableBytes == 0 { collected = piece } else { collected.writeImmutableBuffer(piece) }
            }
            return collected
        }
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var content: Content?

        mutating func next() async throws -> ByteBuffer? {
            switch self.content {
            case .bytes(let bytes):
                self.content = nil
                return bytes.readableBytes > 0 ? bytes : nil
            case .pieces(let next):
                let piece = try await next()
                if piece == nil { self.content = nil }
                return piece
            case nil: return nil
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(content: self.content) }
}
