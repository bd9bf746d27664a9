import NIOCore
import Testing

@testable import VolaryNode

/// Bytes of a stream that wait.
@Suite
struct StreamInboxTests {
    @Test func `Bytes come out as one buffer of their size`() {
        var inbox = StreamInbox()
        let read = ByteBuffer(repeating: 7, count: 64 * 1024)
        for position in 0..<100 {
            guard let slice = read.getSlice(at: position, length: 6) else { continue }
            let isAdded = inbox.add(slice)
            #expect(isAdded)
        }
        let bytes = inbox.take()
        #expect(inbox.isEmpty)
        #expect(bytes.readableBytes == 600)
        #expect(bytes.capacity < 2048)
    }

    @Test func `More than the window is refused`() {
        var inbox = StreamInbox()
        let answers = [HTTP2Settings.streamWindow - 1, 2, 1].map { inbox.add(ByteBuffer(repeating: 1, count: $0)) }
        #expect(answers == [true, false, true])
        let taken = inbox.take().readableBytes
        #expect(taken == HTTP2Settings.streamWindow)
    }
}
