import NIOCore

/// Data of several streams, in as few frames as possible. For many small frames that must not take many turns. Pure.
struct StreamData {
    /// The default maximum of a frame's payload (RFC 9113 section 4.2): 16 KiB.
    private static let maximumPayloadBytes = 16 * 1024
    private static let headerBytes = 9
    private static let endStream: UInt8 = 0x1
    private static let padded: UInt8 = 0x8

    private struct Data {
        var bytes = ByteBuffer()
        var isEnded = false
    }

    private var streams: [UInt32: Data] = [:]
    /// The streams in the order of their first data.
    private var order: [UInt32] = []
    private var skipped: Set<UInt32> = []

    /// - Parameter frame: a whole DATA frame (RFC 9113 section 6.1). Ignored if its padding is longer than it is.
    mutating func add(_ frame: ByteBuffer) {
        var frame = frame
        frame.moveReaderIndex(forwardBy: 4)
        guard let (flags, stream) = frame.readMultipleIntegers(as: (UInt8, UInt32).self), !self.skipped.contains(stream) else {
            return
        }
        if flags & Self.padded != 0 {
            guard let padding = frame.readInteger(as: UInt8.self), Int(padding) <= frame.readableBytes else { return }
            frame.moveWriterIndex(to: frame.writerIndex - Int(padding))
        }
        if self.streams[stream] == nil { self.order.append(stream) }
        self.streams[stream, default: Data()].bytes.writeImmutableBuffer(frame)
        if flags & Self.endStream != 0 { self.streams[stream]?.isEnded = true }
    }

    /// Leaves out the data of a stream that begins, or has ended.
    /// - Parameter frame: a whole HEADERS frame.
    mutating func skip(_ frame: ByteBuffer) {
        if let stream = frame.getInteger(at: frame.readerIndex + 5, as: UInt32.self) { self.skipped.insert(stream) }
    }

    /// DATA frames without padding.
    var frames: [ByteBuffer] {
        self.order.flatMap { stream in
            var frames: [ByteBuffer] = []
            guard var data = self.streams[stream] else { return frames }
            repeat {
                let length = min(data.bytes.readableBytes, Self.maximumPayloadBytes)
                guard let payload = data.bytes.readSlice(length: length) else { break }
                var frame = ByteBuffer()
                frame.reserveCapacity(Self.headerBytes + length)
                let flags = data.isEnded && data.bytes.readableBytes == 0 ? Self.endStream : 0
                frame.writeMultipleIntegers(UInt32(length) << 8, flags, stream)
                frame.writeImmutableBuffer(payload)
                frames.append(frame)
            } while data.bytes.readableBytes > 0
            return frames
        }
    }
}
