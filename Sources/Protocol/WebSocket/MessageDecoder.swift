public import NIOCore

/// Decodes the bytes of one client into messages and control frames: the receiving side of a server (RFC 6455 sections 5, 7.4 and
/// 8.1), with permessage-deflate if it was negotiated (RFC 7692).
///
/// Bytes are consumed at once, and incomplete frames are kept here, so the caller keeps none. An idle decoder owns no memory of
/// its own. An incomplete message takes memory for the bytes that have arrived, whatever length its header claims. A message is
/// refused at the first wrong byte: at its header when it is too long, in the middle of a frame when it is not UTF-8.
///
/// A decoder has one owner: a copy shares the message that is being inflated.
public struct MessageDecoder {
    /// What the client sent. Each payload has its own buffer and does not keep the bytes that it was read from in memory.
    public enum Event: Hashable, Sendable {
        /// A whole message of well-formed UTF-8.
        case text(ByteBuffer)
        /// A whole message.
        case binary(ByteBuffer)
        /// At most 125 bytes, to be sent back in a pong (section 5.5.2).
        case ping(ByteBuffer)
        /// At most 125 bytes. It may answer a ping or be unsolicited (section 5.5.3).
        case pong(ByteBuffer)
        /// The client's last frame. The code is nil when the frame has none, else a code that may be sent. The reason has at most
        /// 123 bytes (section 5.5.1).
        case close(code: CloseCode?, reason: String)
    }

    private enum State {
        /// Between frames, or inside a header.
        case header(FrameHeader.Reader)
        /// Inside a frame. `received` bytes of its payload have arrived.
        case payload(FrameHeader, received: Int)
        /// After a close frame or a violation.
        case finished
    }

    /// The type of the current message; nil when the next data frame must begin one.
    private enum Kind {
        case text
        case binary
    }

    public let limits: MessageLimits
    private var state = State.header(FrameHeader.Reader())
    /// The bytes of the current message so far; nil for none.
    private var message: ByteBuffer?
    /// The bytes of a control frame so far, which may come between the fragments of a message; nil for none.
    private var control: ByteBuffer?
    /// The current message if it is compressed. `message` and `validator` are then not used.
    private var compressed: CompressedMessage?
    /// Data frames of the current message.
    private var frames: UInt32 = 0
    /// Frames of every kind whose headers have been read so far. Wraps around.
    public private(set) var frameCount: UInt32 = 0
    private var validator = UTF8Validator()
    /// 0 if compression was not negotiated.
    private let inflatingWindowBits: UInt8
    private var kind: Kind?

    /// - Parameter compression: nil if it was not negotiated.
    public init(limits: MessageLimits = MessageLimits(), compression: NegotiatedDeflate? = nil) {
        self.limits = limits
        self.inflatingWindowBits = compression?.inflatingWindowBits ?? 0
    }

    /// Decodes the next event.
    ///
    /// - Parameters:
    ///   - bytes: what has arrived since the last call, or what an earlier call left. Used bytes are consumed.
    ///   - inflating: how many bytes may be inflated. Those that were are subtracted. At zero this returns nil with bytes left, and the
    ///     next call goes on.
    /// - Returns: nil when all bytes are consumed and more are needed. After a close event or a violation it is always nil, and
    ///   nothing is consumed.
    /// - Throws: the client's violation, once.
    public mutating func next(_ bytes: inout ByteBuffer, inflating: inout Int) throws(ProtocolViolation) -> Event? {
        do throws(ProtocolViolation) {
            return try self.advance(&bytes, &inflating)
        } catch {
            self.finish()
            throw error
        }
    }

    /// ``next(_:inflating:)`` without a limit.
    public mutating func next(_ bytes: inout ByteBuffer) throws(ProtocolViolation) -> Event? {
        var unlimited = Int.max
        return try self.next(&bytes, inflating: &unlimited)
    }

    /// Whether a data message has begun and not ended. Control frames in between do not matter.
    public var isInMessage: Bool { self.kind != nil }

    /// Whether the bytes so far end in the middle of a message or of a frame.
    public var isIncomplete: Bool {
        switch self.state {
        case .header(let reader): self.kind != nil || !reader.isEmpty
        case .payload: true
        case .finished: false
        }
    }

    // MARK: - Frames

    private mutating func advance(_ bytes: inout ByteBuffer, _ inflating: inout Int) throws(ProtocolViolation) -> Event? {
        while true {
            switch self.state {
            case .header(var reader):
                guard let header = try reader.next(&bytes, allowsCompression: self.inflatingWindowBits > 0) else {
                    self.state = .header(reader)
                    return nil
                }
                self.frameCount &+= 1
                try self.admit(header)
                self.state = .payload(header, received: 0)
            case .payload(let header, var received):
                let count = min(header.payloadLength - received, bytes.readableBytes)
                received += try self.take(count, of: header, after: received, from: &bytes, &inflating)
                guard received == header.payloadLength else {
                    self.state = .payload(header, received: received)
                    return nil
                }
                self.state = .header(FrameHeader.Reader())
                if let event = try self.complete(header) { return event }
            case .finished:
                return nil
            }
        }
    }

    /// Checks a frame against the frames before it and the limits, before any of its payload is kept.
    private mutating func admit(_ header: FrameHeader) throws(ProtocolViolation) {
        guard !header.opcode.isControl else { return }
        if header.opcode == .continuation {
            guard self.kind != nil else { throw .nothingToContinue }
        } else {
            guard self.kind == nil else { throw .messageNotFinished }
            self.kind = header.opcode == .text ? .text : .binary
            if header.isCompressed { self.beginCompressed() }
        }
        if let compressed = self.compressed {
            try compressed.admit(header.payloadLength)
        } else {
            // A subtraction cannot overflow. An addition could: the claimed length may be near the largest integer.
            let room = self.limits.maximumMessageBytes - (self.message?.readableBytes ?? 0)
            guard header.payloadLength <= room else { throw .messageTooBig }
        }
        guard Int(self.frames) < self.limits.maximumFramesPerMessage else { throw .tooManyFrames }
        self.frames += 1
    }

    private mutating func beginCompressed() {
        self.compressed = CompressedMessage(
            isText: self.kind == .text,
            windowBits: self.inflatingWindowBits,
            maximumBytes: self.limits.maximumMessageBytes
        )
    }

    /// Copies `count` bytes of a frame's payload, unmasks them in the same pass, and validates them if they are text.
    ///
    /// Takes less of a compressed message when it reaches the maximum of bytes to inflate.
    ///
    /// A frame that is complete in `bytes` is thus copied once, into a buffer of its size. Unmasking in place would mostly copy
    /// more: the transport holds a reference to its read buffer, so the whole buffer would be copied for each message in it.
    private mutating func take(
        _ count: Int,
        of header: FrameHeader,
        after received: Int,
        from bytes: inout ByteBuffer,
        _ inflating: inout Int
    ) throws(ProtocolViolation) -> Int {
        guard count > 0 else { return 0 }
        let isControl = header.opcode.isControl
        if !isControl, let compressed = self.compressed {
            let (before, maximum) = (compressed.inflatedBytes, inflating)
            let taken = try bytes.withUnsafeReadableBytes { source throws(ProtocolViolation) in
                try compressed.take(
                    UnsafeRawBufferPointer(rebasing: source[..<count]),
                    key: header.maskingKey,
                    offset: received,
                    inflating: maximum
                )
            }
            inflating -= compressed.inflatedBytes - before
            bytes.moveReaderIndex(forwardBy: taken)
            return taken
        }
        let isText = !isControl && self.kind == .text
        // Moved out of the property, so that this is the only reference and writing does not copy. The buffer doubles as bytes arrive.
        // A constant in between would be a second reference in an optimized build: each frame would then copy the whole message.
        var payload: ByteBuffer
        if isControl {
            payload = self.control ?? ByteBufferAllocator().buffer(capacity: count)
            self.control = nil
        } else {
            payload = self.message ?? ByteBufferAllocator().buffer(capacity: count)
            self.message = nil
        }
        var validator = self.validator
        var isWellFormed = true
        bytes.withUnsafeReadableBytes { source in
            let source = UnsafeRawBufferPointer(rebasing: source[..<count])
            payload.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                let target = UnsafeMutableRawBufferPointer(rebasing: target[..<count])
                Masking.unmask(source, into: target, key: header.maskingKey, offset: received)
                if isText { isWellFormed = validator.consume(UnsafeRawBufferPointer(target)) }
                return count
            }
        }
        bytes.moveReaderIndex(forwardBy: count)
        guard isWellFormed else { throw .textNotUTF8 }
        self.validator = validator
        if isControl { self.control = payload } else { self.message = payload }
        return count
    }

    private mutating func complete(_ header: FrameHeader) throws(ProtocolViolation) -> Event? {
        switch header.opcode {
        case .continuation, .text, .binary:
            return header.isFinal ? try self.completeMessage() : nil
        case .ping:
            return .ping(self.control.take() ?? ByteBuffer())
        case .pong:
            return .pong(self.control.take() ?? ByteBuffer())
        case .close:
            let event = try Self.close(self.control.take() ?? ByteBuffer())
            self.finish()
            return event
        }
    }

    private mutating func completeMessage() throws(ProtocolViolation) -> Event? {
        guard self.validator.isComplete else { throw .textNotUTF8 }
        let payload = try self.compressed.take()?.finish() ?? self.message.take() ?? ByteBuffer()
        let kind = self.kind.take()
        self.frames = 0
        return kind == .text ? .text(payload) : .binary(payload)
    }

    // MARK: - Close

    private static func close(_ payload: ByteBuffer) throws(ProtocolViolation) -> Event {
        guard payload.readableBytes > 0 else { return .close(code: nil, reason: "") }
        var reason = payload
        guard let rawCode = reason.readInteger(as: UInt16.self) else { throw .closeCodeTruncated }
        // A client may send every code that may be sent at all. 1010 is for clients only; 1011 to 1014 were introduced for
        // servers, but are registered for both sides.
        let code = CloseCode(rawValue: rawCode)
        guard code.canSend else { throw .closeCodeNotAllowed }
        guard reason.isWellFormedUTF8 else { throw .closeReasonNotUTF8 }
        return .close(code: code, reason: String(buffer: reason))
    }

    private mutating func finish() {
        self.state = .finished
        self.message = nil
        self.control = nil
        self.compressed = nil
    }
}
