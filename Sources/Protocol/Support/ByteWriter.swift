import NIOCore

/// Writes into memory of a fixed size, from its first byte on.
///
/// A write beyond the end stops the process. The caller calculates the size, so no input can cause it.
struct ByteWriter {
    private let target: UnsafeMutableRawBufferPointer
    /// Bytes written so far.
    private(set) var count = 0

    init(_ target: UnsafeMutableRawBufferPointer) {
        self.target = target
    }

    /// Writes an integer, big-endian.
    @inline(__always)
    mutating func write<Integer: FixedWidthInteger>(_ value: Integer) {
        let size = MemoryLayout<Integer>.size
        precondition(size <= self.target.count - self.count)
        self.target.storeBytes(of: value.bigEndian, toByteOffset: self.count, as: Integer.self)
        self.count += size
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= self.target.count - self.count)
        UnsafeMutableRawBufferPointer(rebasing: self.target[self.count...]).copyMemory(from: bytes)
        self.count += bytes.count
    }

    /// Writes the first `count` of eight bytes, the lowest first.
    @inline(__always)
    mutating func write(first count: Int, of bytes: UInt64) {
        guard self.target.count - self.count < 8 else {
            // What is written too much is overwritten, or is not counted.
            self.target.storeBytes(of: bytes.littleEndian, toByteOffset: self.count, as: UInt64.self)
            self.count += count
            return
        }
        for index in 0..<count { self.write(UInt8(truncatingIfNeeded: bytes >> UInt64(8 * index))) }
    }

    /// Writes the readable bytes.
    mutating func write(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { self.write($0) }
    }

    mutating func write(_ text: StaticString) {
        text.withUTF8Buffer { self.write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes a text as UTF-8.
    mutating func write(text: String) {
        var text = text
        text.withUTF8 { self.write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes the lowest digits of a value, in lower case.
    mutating func write(hex value: UInt64, digits: Int) {
        for index in (0..<digits).reversed() {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(4 * index)) & 0xF
            self.write(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
        }
    }

    /// Writes two decimal digits.
    /// - Parameter value: 0 to 99.
    mutating func write(twoDigits value: Int64) {
        let value = UInt16(truncatingIfNeeded: value)
        self.write((UInt16(UInt8(ascii: "0")) + value / 10) << 8 | UInt16(UInt8(ascii: "0")) + value % 10)
    }
}

extension ByteBuffer {
    /// Reserves memory once for all that `body` writes.
    /// - Parameter maximum: bytes; `body` must not write more.
    @inline(__always)
    mutating func write(atMost maximum: Int, _ body: (inout ByteWriter) -> Void) {
        self.writeWithUnsafeMutableBytes(minimumWritableBytes: maximum) { target in
            var writer = ByteWriter(target)
            body(&writer)
            return writer.count
        }
    }
}
