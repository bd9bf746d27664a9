import NIOCore

/// The body of a request: the bytes that came with the head, or a sequence of pieces that arrive while it is read.
///
/// What nobody reads is not read from the socket either, beyond what ``RequestHandler`` holds. The sequence has one reader; an error in it is
/// the request's: it is malformed, its time is up, or the client has left.
struct RequestBody: Sendable, AsyncSequence {
    typealias Element = ByteBuffer

    /// The body has more bytes than the reader takes.
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

    /// - Throws: ``TooLarge`` as soon as there is more than that.
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
