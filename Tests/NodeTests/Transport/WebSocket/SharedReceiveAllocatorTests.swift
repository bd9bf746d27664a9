import NIOCore
import NIOEmbedded
import Testing

@testable import VolaryNode

/// One receive buffer for all WebSockets of a thread.
@Suite
struct SharedReceiveAllocatorTests {
    private func buffer() -> ByteBuffer { SharedReceiveAllocator().buffer(allocator: ByteBufferAllocator()) }

    private func address(of buffer: ByteBuffer) -> UnsafeRawPointer? {
        buffer.withVeryUnsafeBytes { $0.baseAddress }
    }

    /// - Returns: the address of the buffer.
    private func readAndGiveBack() -> UnsafeRawPointer? {
        var buffer = self.buffer()
        buffer.writeString("read")
        SharedReceiveAllocator.giveBack(buffer)
        return self.address(of: buffer)
    }

    @Test func `The next read goes to the same place, from its beginning`() {
        let place = self.readAndGiveBack()
        let next = self.buffer()
        #expect(self.address(of: next) == place)
        #expect(next.readableBytes == 0)
        #expect(next.writableBytes == next.storageCapacity)
    }

    @Test func `A buffer that is in use is nobody else's`() {
        let place = self.readAndGiveBack()
        let (one, other) = (self.buffer(), self.buffer())
        #expect(self.address(of: one) == place)
        #expect(self.address(of: other) != place)
    }

    @Test func `What somebody has kept is not written over`() {
        var kept = self.buffer()
        kept.writeString("kept")
        SharedReceiveAllocator.giveBack(kept)
        var next = self.buffer()
        next.writeString("next")
        #expect(self.address(of: next) != self.address(of: kept))
        #expect(String(buffer: kept) == "kept")
    }

    @Test func `Another's buffer is left to its owner`() {
        let foreign = ByteBuffer(string: "foreign")
        SharedReceiveAllocator.giveBack(foreign)
        let next = self.buffer()
        #expect(self.address(of: next) != self.address(of: foreign))
        #expect(next.writableBytes > foreign.storageCapacity)
    }

    /// - Returns: the address that was read to.
    private func read(_ bytes: [UInt8], by socket: EmbeddedWebSocket) -> UnsafeRawPointer? {
        var buffer = self.buffer()
        buffer.writeBytes(bytes)
        socket.channel.pipeline.fireChannelRead(buffer)
        return self.address(of: buffer)
    }

    @Test func `What a client sends behind its last frame is read to the same place`() throws {
        let socket = try EmbeddedWebSocket()
        // Not masked.
        let place = self.read([0x81, 0x00], by: socket)
        #expect(!socket.transport.canReceive)
        _ = self.read([1, 2, 3], by: socket)
        // Would take the buffer, if it were free.
        let other = ByteBufferAllocator().buffer(capacity: 256 * 1024)
        #expect(self.read([4, 5, 6], by: socket) == place)
        #expect(self.address(of: other) != place)
    }
}
