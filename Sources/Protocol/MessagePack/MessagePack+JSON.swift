package import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The same values in MessagePack and in JSON.
///
/// | MessagePack | JSON |
/// | --- | --- |
/// | nil, booleans, texts, lists | the same |
/// | integer | number without fraction; as large as 64 bits |
/// | float | number; null for infinity and for no number |
/// | binary | text in base64 |
/// | map | object; a key that is no text becomes one |
/// | timestamp (extension -1) | text, RFC 3339 with milliseconds |
/// | any other extension | refused |
///
/// A JSON number with a fraction or an exponent becomes a float, also when it is whole.
package enum MessagePackJSON {
    /// - Parameter value: exactly one value of MessagePack.
    package static func json(of value: ByteBuffer) throws(MessagePackReader.Fault) -> ByteBuffer {
        try MessagePackReader.scan(value) { reader throws(MessagePackReader.Fault) in
            var json = ByteBuffer()
            try self.write(&reader, to: &json)
            guard reader.isAtEnd else { throw .malformed }
            return json
        }
    }

    /// - Parameter json: exactly one JSON text.
    package static func messagePack(of json: ByteBuffer) throws(JSONScanner.Fault) -> ByteBuffer {
        try JSONScanner.scan(json) { scanner throws(JSONScanner.Fault) in
            var value = ByteBuffer()
            value.reserveCapacity(json.readableBytes)
            try self.write(&scanner, to: &value)
            return value
        }
    }

    // MARK: - To JSON

    private static func write(_ reader: inout MessagePackReader, to json: inout ByteBuffer) throws(MessagePackReader.Fault) {
        switch reader.kind {
        case .null:
            _ = reader.takeNull()
            json.writeStaticString("null")
        case .boolean: json.writeString(try reader.boolean() ? "true" : "false")
        case .integer:
            switch try reader.integer() {
            case .signed(let number): json.writeString("\(number)")
            case .unsigned(let number): json.writeString("\(number)")
            }
        case .float:
            let number = try reader.float()
            json.writeString(number.isFinite ? "\(number)" : "null")
        case .text: json.writeJSON(text: try reader.text())
        case .binary:
            let bytes = ByteBuffer(bytes: try reader.binary())
            json.write(atMost: Base64.encodedCount(of: bytes.readableBytes) + 2) { writer in
                writer.write("\"")
                Base64.write(bytes, to: &writer)
                writer.write("\"")
            }
        case .list:
            let count = try reader.beginList()
            json.writeStaticString("[")
            for index in 0..<count {
                if index > 0 { json.writeStaticString(",") }
                try self.write(&reader, to: &json)
            }
            reader.end()
            json.writeStaticString("]")
        case .map:
            let count = try reader.beginMap()
            json.writeStaticString("{")
            for index in 0..<count {
                if index > 0 { json.writeStaticString(",") }
                json.writeJSON(text: try self.key(&reader))
                json.writeStaticString(":")
                try self.write(&reader, to: &json)
            }
            reader.end()
            json.writeStaticString("}")
        case .extended:
            guard let milliseconds = try self.timestamp(&reader) else { throw .malformed }
            json.writeJSON(text: UTF8Text(Timestamp.milliseconds(milliseconds)))
        case nil: throw .malformed
        }
    }

    private static func key(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> UTF8Text {
        switch reader.kind {
        case .text: return try reader.text()
        case .integer:
            switch try reader.integer() {
            case .signed(let number): return UTF8Text("\(number)")
            case .unsigned(let number): return UTF8Text("\(number)")
            }
        case .boolean: return try reader.boolean() ? "true" : "false"
        default: throw .malformed
        }
    }

    /// The three forms of a timestamp: 32 bits of seconds; 30 of nanoseconds and 34 of seconds; 32 of nanoseconds and 64 of seconds.
    /// - Returns: milliseconds since 1970; nil for another extension.
    private static func timestamp(_ reader: inout MessagePackReader) throws(MessagePackReader.Fault) -> Int64? {
        let (type, content) = try reader.extended()
        guard type == -1 else { return nil }
        let seconds: Int64
        let nanoseconds: Int64
        switch content.count {
        case 4: (seconds, nanoseconds) = (Int64(UInt32(bigEndian: content.loadUnaligned(as: UInt32.self))), 0)
        case 8:
            let both = UInt64(bigEndian: content.loadUnaligned(as: UInt64.self))
            (seconds, nanoseconds) = (Int64(both & 0x3_FFFF_FFFF), Int64(both >> 34))
        case 12:
            nanoseconds = Int64(UInt32(bigEndian: content.loadUnaligned(as: UInt32.self)))
            seconds = Int64(bigEndian: content.loadUnaligned(fromByteOffset: 4, as: Int64.self))
        default: return nil
        }
        let (milliseconds, overflows) = seconds.multipliedReportingOverflow(by: 1000)
        guard nanoseconds < 1_000_000_000, !overflows else { return nil }
        let (sum, isTooLate) = milliseconds.addingReportingOverflow(nanoseconds / 1_000_000)
        return isTooLate ? nil : sum
    }

    // MARK: - To MessagePack

    private static func write(_ scanner: inout JSONScanner, to value: inout ByteBuffer) throws(JSONScanner.Fault) {
        switch scanner.kind {
        case .null:
            try scanner.skipWord()
            value.writeMessagePackNull()
        case .boolean:
            let isTrue = scanner.byte == UInt8(ascii: "t")
            try scanner.skipWord()
            value.writeMessagePack(isTrue)
        case .number:
            let start = scanner.position
            try scanner.skipWord()
            self.write(number: String(decoding: scanner.bytes[start..<scanner.position], as: UTF8.self), to: &value)
        case .text: value.writeMessagePack(try scanner.string())
        case .list:
            let start = value.reserveMessagePackHead()
            var count = 0
            if try scanner.beginList() {
                repeat {
                    try self.write(&scanner, to: &value)
                    count += 1
                } while try scanner.nextElement()
            }
            var head = ByteBuffer()
            head.writeMessagePackList(count: count)
            value.setMessagePackHead(head, at: start)
        case .object:
            let start = value.reserveMessagePackHead()
            var count = 0
            if try scanner.beginObject() {
                repeat {
                    value.writeMessagePack(try scanner.name())
                    try self.write(&scanner, to: &value)
                    count += 1
                } while try scanner.nextMember()
            }
            var head = ByteBuffer()
            head.writeMessagePackMap(count: count)
            value.setMessagePackHead(head, at: start)
        }
    }

    private static func write(number: String, to value: inout ByteBuffer) {
        if let whole = Int64(number) {
            value.writeMessagePack(whole)
        } else if let whole = UInt64(number) {
            value.writeMessagePack(whole)
        } else {
            // Every JSON number has a valid syntax for Swift.
            value.writeMessagePack(Double(number) ?? .infinity)
        }
    }
}

extension ByteBuffer {
    /// A text with its quotes.
    package mutating func writeJSON(text: UTF8Text) {
        self.write(atMost: JSONEscaping.count(of: text.string) + 2) { writer in
            writer.write("\"")
            JSONEscaping.write(text.string, to: &writer)
            writer.write("\"")
        }
    }

    /// Keeps a byte for the number of elements of a list or a map, which is known after them. Up to 15 need no more.
    /// - Returns: its index.
    fileprivate mutating func reserveMessagePackHead() -> Int {
        defer { self.writeInteger(0 as UInt8) }
        return self.writerIndex
    }

    /// - Parameter index: counted from the first readable byte, which is the first byte.
    fileprivate mutating func setMessagePackHead(_ head: ByteBuffer, at index: Int) {
        if head.readableBytes > 1 { self.makeRoom(head.readableBytes - 1, at: index) }
        self.setBuffer(head, at: index)
    }

    /// Moves the bytes behind an index, without another buffer.
    /// - Parameter index: counted from the first readable byte, which is the first byte.
    fileprivate mutating func makeRoom(_ count: Int, at index: Int) {
        let moved = self.writerIndex - index
        self.writeRepeatingByte(0, count: count)
        self.withUnsafeMutableReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            memmove(base + index + count, base + index, moved)
        }
    }
}
