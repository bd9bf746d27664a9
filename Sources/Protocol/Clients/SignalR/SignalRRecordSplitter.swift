import NIOCore

/// Cuts the bytes of a client into records. A record may come in several messages, and a message may have several records.
struct SignalRRecordSplitter {
    /// Bytes of a length: 5, for values up to 2³¹ - 1.
    private static let maximumLengthBytes = 5

    /// Bytes of one record, without separator or length.
    private let maximumBytes: Int
    /// The beginning of a record whose end has not arrived.
    private var beginning = ByteBuffer()

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    var hasBeginning: Bool { self.beginning.readableBytes > 0 }

    /// Removes the next record from the bytes, or all of them, if the record goes on.
    /// - Returns: the content of the record; nil: it goes on.
    /// - Throws: ``ProtocolViolation/signalRMalformed`` for a record above the limit, before it is complete.
    mutating func next(_ encoding: SignalREncoding, in bytes: inout ByteBuffer) throws(ProtocolViolation) -> ByteBuffer? {
        switch encoding {
        case .json: try self.nextText(in: &bytes)
        case .messagePack: try self.nextBinary(in: &bytes)
        }
    }

    private mutating func nextText(in bytes: inout ByteBuffer) throws(ProtocolViolation) -> ByteBuffer? {
        let view = bytes.readableBytesView
        // A longer record is refused, so its end need not be found.
        let room = self.maximumBytes - self.beginning.readableBytes
        guard let end = view.prefix(room + 1).firstIndex(of: SignalREncoding.separator) else {
            guard view.count <= room else { throw .signalRMalformed }
            self.keep(&bytes)
            return nil
        }
        let last = bytes.readSlice(length: end - view.startIndex) ?? ByteBuffer()
        bytes.moveReaderIndex(forwardBy: 1)
        return self.joined(last)
    }

    private mutating func nextBinary(in bytes: inout ByteBuffer) throws(ProtocolViolation) -> ByteBuffer? {
        // The length may be cut anywhere, too.
        while self.length(of: self.beginning) == nil,
            let byte = self.beginning.readableBytes == 0 ? nil : bytes.readInteger(as: UInt8.self)
        {
            self.beginning.writeInteger(byte)
            try self.check(self.beginning)
        }
        if self.beginning.readableBytes == 0 {
            try self.check(bytes)
            guard let (count, lengthBytes) = self.length(of: bytes), bytes.readableBytes >= lengthBytes + count else {
                self.keep(&bytes)
                return nil
            }
            bytes.moveReaderIndex(forwardBy: lengthBytes)
            return bytes.readSlice(length: count)
        }
        guard let (count, lengthBytes) = self.length(of: self.beginning) else { return nil }
        let missing = lengthBytes + count - self.beginning.readableBytes
        guard bytes.readableBytes >= missing, let last = bytes.readSlice(length: missing) else {
            self.keep(&bytes)
            return nil
        }
        var record = self.joined(last)
        record.moveReaderIndex(forwardBy: lengthBytes)
        return record
    }

    /// Refuses a length that is too long, or of too many bytes.
    private func check(_ bytes: ByteBuffer) throws(ProtocolViolation) {
        if let (count, _) = self.length(of: bytes) {
            guard count <= self.maximumBytes else { throw .signalRMalformed }
        } else if bytes.readableBytes >= Self.maximumLengthBytes {
            throw .signalRMalformed
        }
    }

    /// The length at the beginning: seven bits in each byte, the lowest first; all bytes but the last have their highest bit.
    /// - Returns: nil if it is incomplete, or has no end.
    private func length(of bytes: ByteBuffer) -> (count: Int, lengthBytes: Int)? {
        var count = 0
        for (index, byte) in bytes.readableBytesView.prefix(Self.maximumLengthBytes).enumerated() {
            count |= Int(byte & 0x7F) << (7 * index)
            if byte & 0x80 == 0 { return (count, index + 1) }
        }
        return nil
    }

    private mutating func keep(_ bytes: inout ByteBuffer) {
        self.beginning.writeImmutableBuffer(bytes)
        bytes.moveReaderIndex(to: bytes.writerIndex)
    }

    private mutating func joined(_ last: ByteBuffer) -> ByteBuffer {
        guard self.hasBeginning else { return last }
        self.beginning.writeImmutableBuffer(last)
        defer { self.beginning = ByteBuffer() }
        return self.beginning
    }
}
