import NIOCore

/// Writes the pieces of a streamed answer. Passed to a ``ResponseBody/Producer``.
struct ResponseBodyWriter: Sendable {
    /// Maximum size of one piece: 64 KiB. Longer bytes are split.
    static let maximumPieceBytes = 64 * 1024

    private let writePiece: @Sendable (ByteBuffer) async throws -> Void

    /// - Parameter writePiece: returns when the channel has accepted the piece.
    init(writePiece: @escaping @Sendable (ByteBuffer) async throws -> Void) {
        self.writePiece = writePiece
    }

    /// Sends bytes to the client at once. Returns when the channel has accepted them, which it does only while it is writable.
    /// - Throws: when the client has disconnected, has not read for too long, or the node has no more time.
    func write(_ bytes: ByteBuffer) async throws {
        var rest = bytes
        while rest.readableBytes > 0 {
            try Task.checkCancellation()
            guard let piece = rest.readSlice(length: min(rest.readableBytes, Self.maximumPieceBytes)) else { return }
            try await self.writePiece(piece)
        }
    }
}
