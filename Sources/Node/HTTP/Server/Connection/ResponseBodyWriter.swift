import NIOCore

/// Writes the pieces of an answer that streams. Handed to a ``ResponseBody/Producer``.
struct ResponseBodyWriter: Sendable {
    /// Of one piece on its way to the channel: 64 KiB. What is longer goes in several.
    static let maximumPieceBytes = 64 * 1024

    private let writePiece: @Sendable (ByteBuffer) async throws -> Void

    /// - Parameter writePiece: returns when the piece has been handed on.
    init(writePiece: @escaping @Sendable (ByteBuffer) async throws -> Void) {
        self.writePiece = writePiece
    }

    /// Hands bytes on to the client, at once; returns when the channel has taken them, which it does not while too much waits in it.
    /// - Throws: when the client has left, has not read for too long, or the node has no more time: there is nobody to write for.
    func write(_ bytes: ByteBuffer) async throws {
        var rest = bytes
        while rest.readableBytes > 0 {
            try Task.checkCancellation()
            guard let piece = rest.readSlice(length: min(rest.readableBytes, Self.maximumPieceBytes)) else { return }
            try await self.writePiece(piece)
        }
    }
}
