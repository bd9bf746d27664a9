import NIOCore

/// Follows written frames, as NIO writes them: the payload of a DATA frame is a write of its own, all other frames are one write.
/// Pure.
struct FrameTracker {
    /// A frame that NIO does not know of.
    enum OwnFrame {
        /// RFC 9113 section 6.9. `by`: 1 to 2^31 - 1.
        case windowUpdate(stream: UInt32, by: UInt32)
        /// GOAWAY with `ENHANCE_YOUR_CALM` (RFC 9113 section 6.8).
        case enhanceYourCalm

        fileprivate func write(to bytes: inout ByteBuffer) {
            switch self {
            case .windowUpdate(let stream, let increment):
                bytes.writeBytes([0, 0, 4, FrameTracker.windowUpdate, 0])
                bytes.writeInteger(stream)
                bytes.writeInteger(increment)
            case .enhanceYourCalm:
                bytes.writeBytes([0, 0, 8, FrameTracker.goAway, 0, 0, 0, 0, 0])
                bytes.writeInteger(UInt32(0x7FFF_FFFF))
                bytes.writeInteger(UInt32(0xB))
            }
        }
    }

    private static let data: UInt8 = 0
    private static let goAway: UInt8 = 7
    private static let windowUpdate: UInt8 = 8
    private static let headerBytes = 9
    /// RFC 9113 sections 4.1 and 6.8: 9 bytes of header, the last stream, then the error code.
    private static let errorOffset = 13

    /// Whether the next write is the payload of a DATA frame.
    private(set) var expectsPayload = false
    /// Whether a GOAWAY frame with an error was written, which ends the connection (RFC 9113 section 5.4.1).
    private(set) var hasConnectionError = false
    /// Own frames that wait for the payload.
    private var waiting: [OwnFrame] = []

    /// - Parameter bytes: the next write of NIO.
    /// - Returns: the window that a WINDOW_UPDATE frame gives to a stream.
    mutating func sees(_ bytes: ByteBuffer) -> (stream: UInt32, increment: UInt32)? {
        guard !self.expectsPayload else {
            self.expectsPayload = false
            return nil
        }
        let start = bytes.readerIndex
        guard let head = bytes.getInteger(at: start, as: UInt32.self) else { return nil }
        switch UInt8(truncatingIfNeeded: head) {
        // Even an empty one.
        case Self.data: self.expectsPayload = true
        case Self.goAway:
            if let code = bytes.getInteger(at: start + Self.errorOffset, as: UInt32.self), code != 0 {
                self.hasConnectionError = true
            }
        case Self.windowUpdate:
            guard let stream = bytes.getInteger(at: start + Self.headerBytes - 4, as: UInt32.self), stream != 0,
                let increment = bytes.getInteger(at: start + Self.headerBytes, as: UInt32.self)
            else { return nil }
            return (stream, increment)
        default: break
        }
        return nil
    }

    /// Call after each write of NIO has been added to the bytes.
    mutating func written(to bytes: inout ByteBuffer) {
        guard !self.expectsPayload, !self.waiting.isEmpty else { return }
        for frame in self.waiting { frame.write(to: &bytes) }
        self.waiting = []
    }

    /// Adds a frame to the bytes: not between the two writes of a DATA frame.
    mutating func insert(_ frame: OwnFrame, into bytes: inout ByteBuffer) {
        if self.expectsPayload { self.waiting.append(frame) } else { frame.write(to: &bytes) }
    }
}
