import NIOCore

/// The body of an answer: all bytes, or a stream of pieces that are written when they become available.
enum ResponseBody: Sendable {
    /// Writes a body piece by piece, and returns at its end. If it throws, the client gets a truncated body.
    ///
    /// Does not run on the event loop. The task is canceled when the client disconnects, and when the node has no more time for
    /// the answer. All waits of the producer must end on cancellation.
    typealias Producer = @Sendable (ResponseBodyWriter) async throws -> Void

    case bytes(ByteBuffer)
    case stream(Producer)
}
