import NIOCore

/// Cuts the bytes of an HTTP/2 client into whole frames (RFC 9113 section 4.1). Pure.
///
/// NIO's frame parser empties its buffer only when a read ends with a frame. For a client whose reads never do, the buffer would grow
/// with each byte of the connection. So the parser gets whole frames only.
struct FrameSplitter {
    /// Settings in one SETTINGS frame: 32. RFC 9113 and its extensions define nine. NIO applies each one to all streams.
    static let maximumSettings = 32
    /// Bytes of the table with which the node compresses its header fields: 4 KiB, the initial value of HTTP/2. A client may allow
    /// more; a larger table takes longer to search.
    static let maximumTableBytes: UInt32 = 4096

    enum Next {
        /// A frame that begins a request or ends one, and costs more than others.
        case headers(ByteBuffer)
        case data(ByteBuffer)
        case other(ByteBuffer)
        /// A SETTINGS frame that makes the windows of all streams smaller than they were.
        case shrinkingWindows(ByteBuffer)
        /// A SETTINGS frame with more than ``FrameSplitter/maximumSettings``.
        case tooManySettings
    }

    private enum FrameType {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let settings: UInt8 = 4
    }

    private static let prefaceBytes = 24
    private static let headerBytes = 9
    /// NIO refuses larger frames when it has their header.
    private static let maximumPayloadBytes = 16 * 1024
    private static let settingBytes = 6
    private static let tableSize: UInt16 = 1
    private static let initialWindowSize: UInt16 = 4
    private static let defaultWindow: UInt32 = 65_535

    private var bytes = ByteBuffer()
    private var hasPreface = false
    /// The initial window of streams; nil before the first settings.
    private var initialWindow: UInt32?

    /// Copies the bytes. NIO's TLS handler decrypts into one buffer of 32 KiB, which it can use again if nobody else holds it.
    /// - Parameter more: the next bytes of the client, beginning with the connection preface.
    mutating func append(_ more: ByteBuffer) {
        if self.bytes.readableBytes == 0 { self.bytes = ByteBuffer() }
        self.bytes.writeImmutableBuffer(more)
    }

    /// Bytes that have not been passed on.
    var byteCount: Int { self.bytes.readableBytes }

    /// Whether ``next()`` has a frame.
    var hasFrame: Bool { self.nextLength.map { $0 <= self.bytes.readableBytes } ?? false }

    /// - Returns: the preface or the next frame; nil when its bytes are incomplete. Of a frame that is too large, only the header.
    mutating func next() -> Next? {
        guard let length = self.nextLength, let frame = self.bytes.readSlice(length: length) else { return nil }
        guard self.hasPreface else {
            self.hasPreface = true
            return .other(frame)
        }
        switch frame.getInteger(at: frame.readerIndex + 3, as: UInt8.self) {
        case FrameType.data: return .data(frame)
        case FrameType.headers: return .headers(frame)
        case FrameType.settings: return self.settings(frame)
        default: return .other(frame)
        }
    }

    /// Bytes of the preface or the next frame; nil when its header is incomplete.
    private var nextLength: Int? {
        guard self.hasPreface else { return Self.prefaceBytes }
        guard self.bytes.readableBytes >= Self.headerBytes,
            let start = self.bytes.getInteger(at: self.bytes.readerIndex, as: UInt32.self)
        else { return nil }
        let payloadBytes = Int(start >> 8)
        return Self.headerBytes + (payloadBytes > Self.maximumPayloadBytes ? 0 : payloadBytes)
    }

    private mutating func settings(_ frame: ByteBuffer) -> Next {
        var frame = frame
        var position = frame.readerIndex + Self.headerBytes
        guard frame.writerIndex - position <= Self.maximumSettings * Self.settingBytes else { return .tooManySettings }
        let former = self.initialWindow
        var smallest = UInt32.max
        while let (name, value) = frame.getMultipleIntegers(at: position, as: (UInt16, UInt32).self) {
            if name == Self.tableSize, value > Self.maximumTableBytes {
                frame.setInteger(Self.maximumTableBytes, at: position + 2)
            } else if name == Self.initialWindowSize {
                smallest = min(smallest, value)
                self.initialWindow = value
            }
            position += Self.settingBytes
        }
        // No stream has begun before the first frame of settings.
        guard let former else {
            self.initialWindow = self.initialWindow ?? Self.defaultWindow
            return .other(frame)
        }
        return smallest < former ? .shrinkingWindows(frame) : .other(frame)
    }

    /// Takes all complete frames.
    /// - Returns: the data of the streams that have begun before, in as few frames as possible.
    mutating func takeData() -> [ByteBuffer] {
        var streams = StreamData()
        while let next = self.next() {
            switch next {
            case .data(let frame): streams.add(frame)
            case .headers(let frame): streams.skip(frame)
            case .other, .shrinkingWindows, .tooManySettings: break
            }
        }
        return streams.frames
    }

    /// Keeps an incomplete frame in a buffer of its size.
    mutating func compact() {
        var rest = ByteBuffer()
        if self.bytes.readableBytes > 0 { rest.writeImmutableBuffer(self.bytes) }
        self.bytes = rest
    }
}
