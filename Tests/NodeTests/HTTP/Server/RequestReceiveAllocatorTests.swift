import NIOCore
import Testing

@testable import VolaryNode

final class RequestReceiveAllocatorTests {
    /// The allocator as a NIO channel uses it, with one read per turn.
    private var pool = NIOPooledRecvBufferAllocator(capacity: 1, recvAllocator: RequestReceiveAllocator(firstBytes: 2048))

    private func read(_ count: Int) -> ByteBuffer {
        let (buffer, _) = self.pool.buffer(allocator: ByteBufferAllocator()) { buffer in
            buffer.writeRepeatingByte(1, count: count)
        }
        self.pool.record(actualReadBytes: count)
        return buffer
    }

    private func address(of buffer: ByteBuffer) -> UnsafeRawPointer? { buffer.withVeryUnsafeBytes { $0.baseAddress } }

    @Test func `A small read goes into the channel's own buffer, unless somebody holds it`() {
        let place = self.address(of: self.read(100))
        #expect(self.address(of: self.read(100)) == place)
        let held = self.read(100)
        #expect(self.address(of: self.read(100)) != place)
        #expect(held.readableBytes == 100 && self.address(of: held) == place)
    }

    @Test func `A large read has a buffer of its own, and the channel keeps the small one`() {
        let place = self.address(of: self.read(2048))
        let large = self.read(4096)
        #expect(self.address(of: large) != place && large.storageCapacity == 4096)
        // Until the expected size has decreased again.
        for _ in 0..<10 { _ = self.read(100) }
        #expect(self.address(of: self.read(100)) == place)
    }
}
