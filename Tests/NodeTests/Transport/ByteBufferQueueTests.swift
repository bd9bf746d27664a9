import NIOCore
import Testing

@testable import VolaryNode

struct ByteBufferQueueTests {
    @Test func `A queue whose ends never meet keeps its order, and takes no more room than a few times what waits`() {
        var queue = ByteBuffer()
        var (written, read, largest) = (0, 0, 0)
        for _ in 0..<10_000 {
            queue.enqueue(ByteBuffer(bytes: (0..<1000).map { UInt8(truncatingIfNeeded: written + $0) }))
            written += 1000
            while queue.readableBytes > 5000 {
                #expect(queue.readInteger(as: UInt8.self) == UInt8(truncatingIfNeeded: read))
                queue.moveReaderIndex(forwardBy: 996)
                read += 997
            }
            largest = max(largest, queue.storageCapacity)
        }
        #expect(written - read == queue.readableBytes && largest <= 32 * 1024, "\(largest)")
    }
}
