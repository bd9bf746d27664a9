import NIOCore
import Testing

@testable import VolaryNode

/// Data of streams in few frames.
@Suite
struct StreamDataTests {
    private var data = StreamData()

    private mutating func add(_ payload: [UInt8], stream: UInt32 = 1, flags: UInt8 = 0) {
        self.data.add(ByteBuffer(bytes: HTTP2Bytes.frame(.data, flags: flags, stream: stream, payload)))
    }

    private var frames: [HTTP2Bytes.Frame] { HTTP2Bytes.frames(self.data.frames.flatMap { Array(buffer: $0) }) }

    private func frame(_ payload: [UInt8], stream: UInt32 = 1, flags: UInt8 = 0) -> HTTP2Bytes.Frame {
        HTTP2Bytes.Frame(kind: 0, flags: flags, stream: stream, payload: payload)
    }

    @Test mutating func `The frames of a stream become one, in order, and streams come in order of their first frame`() {
        self.add([1, 2], stream: 3)
        self.add([3])
        self.add([], stream: 3)
        self.add([4], stream: 3)
        #expect(self.frames == [self.frame([1, 2, 4], stream: 3), self.frame([3])])
    }

    @Test mutating func `Padding is left out`() {
        self.add([2, 7, 8, 0, 0], flags: 8)
        self.add([0, 9], flags: 8)
        self.add([3, 1, 1], flags: 8)
        self.add([], flags: 8)
        #expect(self.frames == [self.frame([7, 8, 9])])
    }

    @Test mutating func `The end of the stream is in its last frame`() {
        self.add([1])
        self.add([], flags: HTTP2Bytes.endStream)
        self.add([UInt8](repeating: 5, count: 16 * 1024), stream: 5)
        self.add([6], stream: 5, flags: HTTP2Bytes.endStream)
        #expect(self.frames[0] == self.frame([1], flags: HTTP2Bytes.endStream))
        #expect(self.frames[1] == self.frame([UInt8](repeating: 5, count: 16 * 1024), stream: 5))
        #expect(self.frames[2] == self.frame([6], stream: 5, flags: HTTP2Bytes.endStream))
        #expect(self.frames.count == 3)
    }

    @Test mutating func `A stream that only ends has a frame`() {
        self.add([], flags: HTTP2Bytes.endStream)
        #expect(self.frames == [self.frame([], flags: HTTP2Bytes.endStream)])
    }

    @Test mutating func `A stream that begins is left out`() {
        self.add([1], stream: 1)
        self.data.skip(ByteBuffer(bytes: HTTP2Bytes.get(stream: 3, "/")))
        self.add([2], stream: 3)
        #expect(self.frames == [self.frame([1])])
    }

    @Test func `Without data there is no frame`() {
        #expect(self.frames.isEmpty)
    }
}
