package import NIOCore

/// Reads values of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) from beginning to end. It creates only the
/// values that the caller asks for.
///
/// Every length is compared with the bytes that are left before anything is read, and no memory is reserved for a number of
/// elements that a peer claims.
package struct MessagePackReader {
    package enum Fault: Error, Hashable {
        /// The bytes end within a value, are of another type than the caller asks for, or have no meaning.
        case malformed
        /// The nesting exceeds ``maximumDepth``.
        case tooDeep
    }

    package enum Kind: Hashable, Sendable {
        case null
        case boolean
        case integer
        case float
        case text
        case binary
        case list
        case map
        case extended
    }

    /// Maximum nesting of lists and maps: 64, as of JSON. Each level costs a stack frame.
    package static let maximumDepth = 64

    private let bytes: UnsafeRawBufferPointer
    /// Index of the next byte.
    package private(set) var position = 0
    private var depth = 0

    /// - Parameter read: reads values from the first byte on, and need not read all of them.
    package static func scan<Value>(
        _ buffer: ByteBuffer,
        _ read: (inout MessagePackReader) throws(Fault) -> Value
    ) throws(Fault) -> Value {
        let result: Result<Value, Fault> = buffer.withUnsafeReadableBytes { bytes in
            var reader = MessagePackReader(bytes: bytes)
            do throws(Fault) {
                return .success(try read(&reader))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    package var isAtEnd: Bool { self.position == self.bytes.count }

    /// The kind of the next value; nil at the end, and for the byte that has no meaning.
    package var kind: Kind? {
        guard let first = self.first else { return nil }
        switch first {
        case 0x00...0x7F, 0xCC...0xD3, 0xE0...0xFF: return .integer
        case 0x80...0x8F, 0xDE, 0xDF: return .map
        case 0x90...0x9F, 0xDC, 0xDD: return .list
        case 0xA0...0xBF, 0xD9...0xDB: return .text
        case 0xC0: return .null
        case 0xC2, 0xC3: return .boolean
        case 0xC4...0xC6: return .binary
        case 0xC7...0xC9, 0xD4...0xD8: return .extended
        case 0xCA, 0xCB: return .float
        default: return nil
        }
    }

    // MARK: - Values

    /// - Returns: whether the next value was nil, and was read.
    package mutating func takeNull() -> Bool {
        guard self.first == 0xC0 else { return false }
        self.position += 1
        return true
    }

    package mutating func boolean() throws(Fault) -> Bool {
        switch try self.take() {
        case 0xC2: return false
        case 0xC3: return true
        default: throw .malformed
        }
    }

    /// A whole number of any width. Each is represented by one of the two: a negative one by `signed`.
    package enum Whole: Hashable, Sendable {
        case signed(Int64)
        case unsigned(UInt64)
    }

    package mutating func integer() throws(Fault) -> Whole {
        let first = try self.take()
        switch first {
        case 0x00...0x7F: return .unsigned(UInt64(first))
        case 0xE0...0xFF: return .signed(Int64(Int8(bitPattern: first)))
        case 0xCC: return .unsigned(UInt64(try self.bigEndian(UInt8.self)))
        case 0xCD: return .unsigned(UInt64(try self.bigEndian(UInt16.self)))
        case 0xCE: return .unsigned(UInt64(try self.bigEndian(UInt32.self)))
        case 0xCF: return .unsigned(try self.bigEndian(UInt64.self))
        case 0xD0: return Self.whole(Int64(try self.bigEndian(Int8.self)))
        case 0xD1: return Self.whole(Int64(try self.bigEndian(Int16.self)))
        case 0xD2: return Self.whole(Int64(try self.bigEndian(Int32.self)))
        case 0xD3: return Self.whole(try self.bigEndian(Int64.self))
        default: throw .malformed
        }
    }

    private static func whole(_ value: Int64) -> Whole { value < 0 ? .signed(value) : .unsigned(UInt64(value)) }

    package mutating func float() throws(Fault) -> Double {
        switch try self.take() {
        case 0xCA: return Double(Float(bitPattern: try self.bigEndian(UInt32.self)))
        case 0xCB: return Double(bitPattern: try self.bigEndian(UInt64.self))
        default: throw .malformed
        }
    }

    /// - Returns: the bytes of a text, which are not checked.
    package mutating func textBytes() throws(Fault) -> UnsafeRawBufferPointer {
        let first = try self.take()
        switch first {
        case 0xA0...0xBF: return try self.content(Int(first & 0x1F))
        case 0xD9: return try self.content(Int(try self.bigEndian(UInt8.self)))
        case 0xDA: return try self.content(Int(try self.bigEndian(UInt16.self)))
        case 0xDB: return try self.content(Int(try self.bigEndian(UInt32.self)))
        default: throw .malformed
        }
    }

    /// - Throws: also for a text that is not UTF-8.
    package mutating func text() throws(Fault) -> UTF8Text {
        let bytes = try self.textBytes()
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed }
        return UTF8Text(text)
    }

    package mutating func binary() throws(Fault) -> UnsafeRawBufferPointer {
        switch try self.take() {
        case 0xC4: return try self.content(Int(try self.bigEndian(UInt8.self)))
        case 0xC5: return try self.content(Int(try self.bigEndian(UInt16.self)))
        case 0xC6: return try self.content(Int(try self.bigEndian(UInt32.self)))
        default: throw .malformed
        }
    }

    package mutating func extended() throws(Fault) -> (type: Int8, content: UnsafeRawBufferPointer) {
        let count: Int
        switch try self.take() {
        case 0xD4: count = 1
        case 0xD5: count = 2
        case 0xD6: count = 4
        case 0xD7: count = 8
        case 0xD8: count = 16
        case 0xC7: count = Int(try self.bigEndian(UInt8.self))
        case 0xC8: count = Int(try self.bigEndian(UInt16.self))
        case 0xC9: count = Int(try self.bigEndian(UInt32.self))
        default: throw .malformed
        }
        let type = try self.bigEndian(Int8.self)
        return (type, try self.content(count))
    }

    // MARK: - Lists and maps

    /// Begins a list.
    /// - Returns: the number of elements, which follow. At most the number of bytes that are left.
    package mutating func beginList() throws(Fault) -> Int {
        let first = try self.take()
        switch first {
        case 0x90...0x9F: return try self.begin(Int(first & 0x0F), bytesEach: 1)
        case 0xDC: return try self.begin(Int(try self.bigEndian(UInt16.self)), bytesEach: 1)
        case 0xDD: return try self.begin(Int(try self.bigEndian(UInt32.self)), bytesEach: 1)
        default: throw .malformed
        }
    }

    /// Begins a map.
    /// - Returns: the number of entries; a key and a value follow for each.
    package mutating func beginMap() throws(Fault) -> Int {
        let first = try self.take()
        switch first {
        case 0x80...0x8F: return try self.begin(Int(first & 0x0F), bytesEach: 2)
        case 0xDE: return try self.begin(Int(try self.bigEndian(UInt16.self)), bytesEach: 2)
        case 0xDF: return try self.begin(Int(try self.bigEndian(UInt32.self)), bytesEach: 2)
        default: throw .malformed
        }
    }

    /// Call after the last element of a list, or the last entry of a map.
    package mutating func end() { self.depth -= 1 }

    private mutating func begin(_ count: Int, bytesEach: Int) throws(Fault) -> Int {
        guard count <= (self.bytes.count - self.position) / bytesEach else { throw .malformed }
        self.depth += 1
        guard self.depth <= Self.maximumDepth else { throw .tooDeep }
        return count
    }

    /// Skips a value. The texts in it are not checked.
    package mutating func skip() throws(Fault) {
        switch self.kind {
        case .null: self.position += 1
        case .boolean: _ = try self.boolean()
        case .integer: _ = try self.integer()
        case .float: _ = try self.float()
        case .text: _ = try self.textBytes()
        case .binary: _ = try self.binary()
        case .extended: _ = try self.extended()
        case .list:
            for _ in 0..<(try self.beginList()) { try self.skip() }
            self.end()
        case .map:
            for _ in 0..<(try self.beginMap()) {
                try self.skip()
                try self.skip()
            }
            self.end()
        case nil: throw .malformed
        }
    }

    // MARK: - Bytes

    private var first: UInt8? { self.position < self.bytes.count ? self.bytes[self.position] : nil }

    private mutating func take() throws(Fault) -> UInt8 {
        guard let first else { throw .malformed }
        self.position += 1
        return first
    }

    private mutating func bigEndian<Integer: FixedWidthInteger>(_: Integer.Type) throws(Fault) -> Integer {
        let content = try self.content(MemoryLayout<Integer>.size)
        return Integer(bigEndian: content.loadUnaligned(as: Integer.self))
    }

    private mutating func content(_ count: Int) throws(Fault) -> UnsafeRawBufferPointer {
        guard count <= self.bytes.count - self.position else { throw .malformed }
        defer { self.position += count }
        return UnsafeRawBufferPointer(rebasing: self.bytes[self.position..<(self.position + count)])
    }
}
