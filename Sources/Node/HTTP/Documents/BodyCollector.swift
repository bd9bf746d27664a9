import HTTPTypes
import Hummingbird
import NIOCore

/// Takes a body of bounded length into memory.
final class BodyCollector: ResponseBodyWriter {
    private(set) var content = ByteBuffer()

    func write(_ buffer: ByteBuffer) async throws {
        if self.content.readableBytes == 0 { self.content = buffer } else { self.content.writeImmutableBuffer(buffer) }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
