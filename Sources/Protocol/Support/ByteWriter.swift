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

    /// Writes a form for each byte.
    /// - Parameter forms: 256. The highest byte of each is its length, at most 7; its bytes are the others, the lowest first.
    @inline(__always)
    mutating func write(_ forms: UnsafeBufferPointer<UInt64>, of bytes: UnsafeRawBufferPointer) {
        guard self.target.count - self.count >= 8 * bytes.count else {
            for byte in bytes {
                let form = forms[Int(byte)]
                for index in 0..<(form >> 56) { self.write(UInt8(truncatingIfNeeded: form >> (8 * index))) }
            }
            return
        }
        var position = self.count
        for byte in bytes {
            let form = forms[Int(byte)]
            // What is written too much is overwritten, or is not counted.
            self.target.storeBytes(of: form.littleEndian, toByteOffset: position, as: UInt64.self)
            position += Int(form >> 56)
        }
        self.count = position
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
