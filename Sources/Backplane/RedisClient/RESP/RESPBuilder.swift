import CHiredis
import NIOCore

/// Builds one ``RESPValue`` after another from what hiredis' reader parses, within a decoder's limits.
struct RESPBuilder {
    private struct OpenArray {
        var missing: Int
        var elements: [RESPValue]
    }

    /// The most memory that is reserved for a claimed count; the rest is allocated as elements arrive.
    private static let reservedElements = 64
    /// The longest string that is looked up in ``names``.
    private static let nameBytes = 64

    private let limits: RESPDecoder.Limits
    private let reader: UnsafeMutablePointer<redisReader>
    private var openArrays: [OpenArray] = []
    private var root: RESPValue?
    /// The elements of the current reply so far.
    private var elementCount = 0
    private(set) var contentBytes = 0
    /// The first violation, which ends decoding.
    var violation: RESPError?
    /// The first elements of recent arrays, by position. Every push begins with its kind and its channel, which are mostly the
    /// same as in the push before.
    private var names: [ByteBuffer] = []

    /// - Parameter reader: the reader that calls this builder, and outlives it.
    init(limits: RESPDecoder.Limits, reader: UnsafeMutablePointer<redisReader>) {
        self.limits = limits
        self.reader = reader
    }

    /// - Returns: the complete reply; nil when there is none.
    mutating func takeReply() -> RESPValue? {
        guard let reply = self.root.take() else { return nil }
        self.elementCount = 0
        self.contentBytes = 0
        return reply
    }

    // MARK: - Callbacks of the reader; false ends decoding

    mutating func refuse(_ error: RESPError) -> Bool {
        self.violation = self.violation ?? error
        return false
    }

    mutating func foundString(_ type: CInt, _ bytes: UnsafePointer<CChar>?, _ length: Int) -> Bool {
        // hiredis 0.14 adds to a claimed length without an overflow check. The length is therefore checked against the reader's
        // buffer.
        guard let bytes, let start = self.reader.pointee.buf, length <= self.reader.pointee.len,
            UnsafePointer(start).distance(to: bytes) <= self.reader.pointee.len - length
        else { return self.refuse(.tooLarge) }
        self.contentBytes += length
        guard self.contentBytes <= self.limits.replyBytes else { return self.refuse(.tooLarge) }
        let content = UnsafeRawBufferPointer(start: bytes, count: length)
        switch type {
        case REDIS_REPLY_STATUS: return self.found(.status(String(decoding: content, as: UTF8.self)))
        case REDIS_REPLY_ERROR: return self.found(.error(String(decoding: content, as: UTF8.self)))
        default: return self.found(.bulk(self.bulk(content)))
        }
    }

    mutating func foundArray(_ count: Int) -> Bool {
        guard count > 0 else { return self.found(.array([])) }
        guard self.openArrays.count < self.limits.depth else { return self.refuse(.tooDeep) }
        guard count <= self.limits.elements - self.elementCount else { return self.refuse(.tooManyElements) }
        self.elementCount += count
        var elements: [RESPValue] = []
        elements.reserveCapacity(min(count, Self.reservedElements))
        self.openArrays.append(OpenArray(missing: count, elements: elements))
        return true
    }

    mutating func found(_ value: RESPValue) -> Bool {
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

    // MARK: -

    /// A buffer with these bytes: the one in ``names`` if it has them, else a new one.
    private mutating func bulk(_ content: UnsafeRawBufferPointer) -> ByteBuffer {
        guard content.count <= Self.nameBytes, self.openArrays.count == 1 else { return Self.copy(content) }
        let place = self.openArrays[0].elements.count
        guard place < 2, place <= self.names.count else { return Self.copy(content) }
        guard place < self.names.count else {
            self.names.append(Self.copy(content))
            return self.names[place]
        }
        if !self.names[place].withUnsafeReadableBytes({ $0.elementsEqual(content) }) { self.names[place] = Self.copy(content) }
        return self.names[place]
    }

    private static func copy(_ content: UnsafeRawBufferPointer) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: content.count)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: content.count) { target in
            target.copyMemory(from: content)
            return content.count
        }
        return buffer
    }
}
