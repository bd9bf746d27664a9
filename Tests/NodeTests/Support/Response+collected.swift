import NIOConcurrencyHelpers
import NIOCore

@testable import VolaryNode

extension Response {
    /// All bytes of the body, including a streamed one.
    func collected() async throws -> ByteBuffer {
        switch self.body {
        case .bytes(let bytes): return bytes
        case .stream(let produce):
            let collected = NIOLockedValueBox(ByteBuffer())
            try await produce(ResponseBodyWriter { piece in _ = collected.withLockedValue { $0.writeImmutableBuffer(piece) } })
            return collected.withLockedValue { $0 }
        }
    }
}
