import NIOCore

/// The body of an answer: bytes that are there, or a stream of pieces that are written as they come up.
enum ResponseBody: Sendable {
    /// Writes a body, piece by piece, and returns at its end. When it throws, the client sees a body that breaks off.
    ///
    /// Runs beside the event loop. The task is canceled when the client leaves, and when the node has no more time for the answer: what it
    /// waits for has to end with that.
    typealias Producer = @Sendable (ResponseBodyWriter) async throws -> Void

    case bytes(ByteBuffer)
    case stream(Producer)
}
