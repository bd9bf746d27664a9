import CHiredis
import NIOCore

/// Decodes the bytes that Redis sends, in portions of any size, into ``RESPValue``s. hiredis' reader parses, and ``RESPBuilder``
/// builds the values.
///
/// Decoding is total: any bytes give values or a ``RESPError``, in time linear in their number and memory bounded by ``Limits``.
/// After an error the decoder cannot be used again. Belongs to one event loop. It owns the reader and frees it.
final class RESPDecoder {
    struct Limits {
        /// Elements in all arrays of one reply: 1,000,000, hundreds of times the answer to the largest query.
        var elements = 1_000_000
        /// Depth of nested arrays: 7, which is also the limit of hiredis 0.14.
        var depth = 7
        /// Bytes of one reply: 64 MiB, four of the largest envelopes.
        var replyBytes = 64 * 1024 * 1024
        /// Bytes of a status, an error, an integer or a length: 64 KiB.
        var lineBytes = 64 * 1024
    }

    /// Bytes that the reader gets at a time. The reader moves its remaining bytes after each reply, so large portions would be
    /// slow.
    private static let portionBytes = 16 * 1024

    private let limits: Limits
    private let reader: UnsafeMutablePointer<redisReader>
    private let sink: UnsafeMutablePointer<volary_reply_sink>
    /// Receives what the reader parses. Allocated separately, so that the reader's callbacks access it directly.
    private let builder: UnsafeMutablePointer<RESPBuilder>

    init(limits: Limits = Limits()) {
        self.limits = limits
        self.sink = .allocate(capacity: 1)
        self.sink.initialize(to: volary_reply_sink())
        guard let reader = volary_reader_create(self.sink) else { fatalError("out of memory") }
        self.reader = reader
        self.builder = .allocate(capacity: 1)
        self.builder.initialize(to: RESPBuilder(limits: limits, reader: reader))
        self.sink.pointee = Self.sink(for: self.builder)
    }

    deinit {
        redisReaderFree(self.reader)
        self.sink.deallocate()
        self.builder.deinitialize(count: 1)
        self.builder.deallocate()
    }

    /// Appends every reply that `bytes` complete. Replies before a violation are appended before it is thrown.
    func decode(_ bytes: ByteBuffer, into values: inout [RESPValue]) throws(RESPError) {
        guard self.builder.pointee.violation == nil else { throw .dead }
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
            self.builder.pointee.violation = error
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
        return self.builder.pointee.takeReply()
    }

    /// hiredis itself has no limit for the length of a line or for the claimed length of a string.
    private func checkPending() throws(RESPError) {
        let pending = self.reader.pointee.len - self.reader.pointee.pos
        guard self.builder.pointee.contentBytes + pending <= self.limits.replyBytes else { throw .tooLarge }
        guard self.reader.pointee.ridx >= 0, volary_reader_current_type(self.reader) != -1 else { return }
        guard volary_reader_current_type(self.reader) == REDIS_REPLY_STRING else {
            guard pending <= self.limits.lineBytes else { throw .tooLarge }
            return
        }
        guard let claimed = try self.claimedLength(pending: pending) else { return }
        guard claimed <= self.limits.replyBytes - self.builder.pointee.contentBytes else { throw .tooLarge }
    }

    /// - Returns: the claimed length of the current string; nil when its line is incomplete.
    private func claimedLength(pending: Int) throws(RESPError) -> Int? {
        let start = UnsafeRawPointer(self.reader.pointee.buf!).advanced(by: self.reader.pointee.pos)
        var value = 0
        // 20 bytes hold the largest 64-bit number with its sign.
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
        if let violation = self.builder.pointee.violation { return violation }
        let text = withUnsafeBytes(of: self.reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .malformed(text)
    }

    // MARK: - Callbacks of the reader

    private static func sink(for builder: UnsafeMutablePointer<RESPBuilder>) -> volary_reply_sink {
        // The reader calls only during `decode`, and is freed with the decoder.
        volary_reply_sink(
            context: UnsafeMutableRawPointer(builder),
            string: { context, type, bytes, length in RESPDecoder.builder(context).pointee.foundString(type, bytes, length) },
            array: { context, elements in RESPDecoder.builder(context).pointee.foundArray(elements) },
            integer: { context, value in RESPDecoder.builder(context).pointee.found(.integer(value)) },
            null: { context in RESPDecoder.builder(context).pointee.found(.null) },
            unsupported: { context in _ = RESPDecoder.builder(context).pointee.refuse(.unsupportedType) }
        )
    }

    private static func builder(_ context: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<RESPBuilder> {
        context!.assumingMemoryBound(to: RESPBuilder.self)
    }
}

@available(*, unavailable)
extension RESPDecoder: Sendable {}
