import CHiredis
import NIOCore

/// Makes ``RESPValue``s of the bytes that Redis sends, cut anywhere. hiredis' reader parses; what it finds is built here.
///
/// Total: any bytes give values or a ``RESPError``, in time linear in their number and memory bounded by ``Limits``. After an error the
/// decoder is dead. Belongs to one event loop, and owns the reader, which it frees.
final class RESPDecoder {
    struct Limits {
        /// Elements of one reply's arrays together: 1,000,000. Hundreds of times what the largest query answers.
        var elements = 1_000_000
        /// Arrays within arrays: 7, which is also where hiredis 0.14 ends.
        var depth = 7
        /// Bytes of one reply: 64 MiB, four of the largest envelopes.
        var replyBytes = 64 * 1024 * 1024
        /// Bytes of a status, an error, an integer or a length: 64 KiB.
        var lineBytes = 64 * 1024
    }

    private struct OpenArray {
        var missing: Int
        var elements: [RESPValue]
    }

    /// What the reader is fed at a time. It moves the bytes it has left after each reply, so large portions would be moved often.
    private static let portionBytes = 16 * 1024
    /// No claimed count reserves more; the rest grows as elements really come.
    private static let reservedElements = 64

    private let limits: Limits
    private let reader: UnsafeMutablePointer<redisReader>
    private let sink: UnsafeMutablePointer<volary_reply_sink>
    private var openArrays: [OpenArray] = []
    private var root: RESPValue?
    /// Of the reply under construction.
    private var elementCount = 0
    private var contentBytes = 0
    private var violation: RESPError?

    init(limits: Limits = Limits()) {
        self.limits = limits
        self.sink = .allocate(capacity: 1)
        self.sink.initialize(to: volary_reply_sink())
        guard let reader = volary_reader_create(self.sink) else { fatalError("out of memory") }
        self.reader = reader
        self.sink.pointee = Self.sink(for: self)
    }

    deinit {
        redisReaderFree(self.reader)
        self.sink.deallocate()
    }

    /// Appends every reply that `bytes` complete. Those before a violation are appended before it is thrown.
    func decode(_ bytes: ByteBuffer, into values: inout [RESPValue]) throws(RESPError) {
        guard self.violation == nil else { throw .dead }
        do {
            try bytes.withUnsafeReadableBytes { all in
                var rest = all[...]
                while !rest.isEmpty {
                    let portion = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.portionBytes))
                    rest = rest.dropFirst(portion.count)
                    try self.feed(portion)
                    while let value = try self.nextReply() { values.append(value) }
                    try self.checkPending()
                }
            }
        } catch let error as RESPError {
            self.violation = error
            throw error
        } catch {
            preconditionFailure("only RESPError is thrown above")
        }
    }

    private func feed(_ portion: UnsafeRawBufferPointer) throws(RESPError) {
        let fed = redisReaderFeed(self.reader, portion.baseAddress?.assumingMemoryBound(to: CChar.self), portion.count)
        guard fed == REDIS_OK else { throw self.readerError() }
    }

    private func nextReply() throws(RESPError) -> RESPValue? {
        guard redisReaderGetReply(self.reader, nil) == REDIS_OK else { throw self.readerError() }
        guard let reply = self.root else { return nil }
        self.root = nil
        self.elementCount = 0
        self.contentBytes = 0
        return reply
    }

    /// hiredis waits for the end of a line, and for whatever length a string claims, without a bound.
    private func checkPending() throws(RESPError) {
        let pending = self.reader.pointee.len - self.reader.pointee.pos
        guard self.contentBytes + pending <= self.limits.replyBytes else { throw .tooLarge }
        guard self.reader.pointee.ridx >= 0, volary_reader_current_type(self.reader) != -1 else { return }
        guard volary_reader_current_type(self.reader) == REDIS_REPLY_STRING else {
            guard pending <= self.limits.lineBytes else { throw .tooLarge }
            return
        }
        guard let claimed = try self.claimedLength(pending: pending) else { return }
        guard claimed <= self.limits.replyBytes - self.contentBytes else { throw .tooLarge }
    }

    /// - Returns: the length that the string under way claims; nil when its line has not ended yet.
    private func claimedLength(pending: Int) throws(RESPError) -> Int? {
        let start = UnsafeRawPointer(self.reader.pointee.buf!).advanced(by: self.reader.pointee.pos)
        var value = 0
        // 20 bytes hold the largest number there is, with its sign.
        let head = UnsafeRawBufferPointer(start: start, count: min(pending, 20))
        for byte in head {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return value }
            value = value.multipliedReportingOverflow(by: 10).partialValue &+ Int(byte - UInt8(ascii: "0"))
            guard value >= 0, value <= self.limits.replyBytes else { throw .tooLarge }
        }
        guard pending <= 20 else { throw .tooLarge }
        return nil
    }

    private func readerError() -> RESPError {
        if let violation = self.violation { return violation }
        let text = withUnsafeBytes(of: self.reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .malformed(text)
    }

    // MARK: - What the reader finds

    private static func sink(for decoder: RESPDecoder) -> volary_reply_sink {
        // Unretained: the reader calls only within `decode`, and dies with the decoder.
        volary_reply_sink(
            context: Unmanaged.passUnretained(decoder).toOpaque(),
            string: { context, type, bytes, length in RESPDecoder.from(context).foundString(type: type, bytes, length) },
            array: { context, elements in RESPDecoder.from(context).foundArray(elements) },
            integer: { context, value in RESPDecoder.from(context).found(.integer(value)) },
            null: { context in RESPDecoder.from(context).found(.null) },
            unsupported: { context in _ = RESPDecoder.from(context).refuse(.unsupportedType) }
        )
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> RESPDecoder {
        Unmanaged<RESPDecoder>.fromOpaque(context!).takeUnretainedValue()
    }

    private func refuse(_ error: RESPError) -> Bool {
        self.violation = self.violation ?? error
        return false
    }

    private func foundString(type: CInt, _ bytes: UnsafePointer<CChar>?, _ length: Int) -> Bool {
        // hiredis 0.14 adds to a claimed length without looking for overflow: what it hands over is checked against what it has.
        guard let bytes, let start = self.reader.pointee.buf, length <= self.reader.pointee.len,
            UnsafePointer(start).distance(to: bytes) <= self.reader.pointee.len - length
        else { return self.refuse(.tooLarge) }
        self.contentBytes += length
        guard self.contentBytes <= self.limits.replyBytes else { return self.refuse(.tooLarge) }
        let content = UnsafeRawBufferPointer(start: bytes, count: length)
        switch type {
        case REDIS_REPLY_STATUS: return self.found(.status(String(decoding: content, as: UTF8.self)))
        case REDIS_REPLY_ERROR: return self.found(.error(String(decoding: content, as: UTF8.self)))
        default: return self.found(.bulk(ByteBuffer(bytes: content)))
        }
    }

    private func foundArray(_ count: Int) -> Bool {
        guard count > 0 else { return self.found(.array([])) }
        guard self.openArrays.count < self.limits.depth else { return self.refuse(.tooDeep) }
        guard count <= self.limits.elements - self.elementCount else { return self.refuse(.tooManyElements) }
        self.elementCount += count
        var elements: [RESPValue] = []
        elements.reserveCapacity(min(count, Self.reservedElements))
        self.openArrays.append(OpenArray(missing: count, elements: elements))
        return true
    }

    private func found(_ value: RESPValue) -> Bool {
        var complete = value
        while let last = self.openArrays.indices.last {
            self.openArrays[last].elements.append(complete)
            self.openArrays[last].missing -= 1
            guard self.openArrays[last].missing == 0 else { return true }
            complete = .array(self.openArrays.removeLast().elements)
        }
        self.root = complete
        return true
    }
}

@available(*, unavailable)
extension RESPDecoder: Sendable {}
