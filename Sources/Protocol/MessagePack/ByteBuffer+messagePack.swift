package import NIOCore

/// Writes values of MessagePack, each in its shortest form.
extension ByteBuffer {
    package mutating func writeMessagePackNull() { self.writeInteger(0xC0 as UInt8) }

    package mutating func writeMessagePack(_ value: Bool) { self.writeInteger((value ? 0xC3 : 0xC2) as UInt8) }

    package mutating func writeMessagePack(_ value: UInt64) {
        switch value {
        case 0...0x7F: self.writeInteger(UInt8(value))
        case 0x80...0xFF: self.writeMultipleIntegers(0xCC as UInt8, UInt8(value))
        case 0x100...0xFFFF: self.writeMultipleIntegers(0xCD as UInt8, UInt16(value))
        case 0x1_0000...0xFFFF_FFFF: self.writeMultipleIntegers(0xCE as UInt8, UInt32(value))
        default: self.writeMultipleIntegers(0xCF as UInt8, value)
        }
    }

    package mutating func writeMessagePack(_ value: Int64) {
        switch value {
        case 0...: self.writeMessagePack(UInt64(value))
        case -32..<0: self.writeInteger(Int8(value))
        case Int64(Int8.min)..<(-32): self.writeMultipleIntegers(0xD0 as UInt8, Int8(value))
        case Int64(Int16.min)..<Int64(Int8.min): self.writeMultipleIntegers(0xD1 as UInt8, Int16(value))
        case Int64(Int32.min)..<Int64(Int16.min): self.writeMultipleIntegers(0xD2 as UInt8, Int32(value))
        default: self.writeMultipleIntegers(0xD3 as UInt8, value)
        }
    }

    /// Always in 64 bits: a whole number stays a float.
    package mutating func writeMessagePack(_ value: Double) {
        self.writeMultipleIntegers(0xCB as UInt8, value.bitPattern)
    }

    package mutating func writeMessagePack(_ text: UTF8Text) {
        self.writeMessagePackTextHead(byteCount: text.utf8.count)
        self.writeString(text.string)
    }

    /// - Parameter text: well-formed UTF-8.
    package mutating func writeMessagePack(text: ByteBuffer) {
        self.writeMessagePackTextHead(byteCount: text.readableBytes)
        self.writeImmutableBuffer(text)
    }

    package mutating func writeMessagePackTextHead(byteCount count: Int) {
        switch count {
        case 0..<32: self.writeInteger(0xA0 | UInt8(count))
        case 32...0xFF: self.writeMultipleIntegers(0xD9 as UInt8, UInt8(count))
        case 0x100...0xFFFF: self.writeMultipleIntegers(0xDA as UInt8, UInt16(count))
        default: self.writeMultipleIntegers(0xDB as UInt8, UInt32(count))
        }
    }

    package mutating func writeMessagePack(binary: ByteBuffer) {
        switch binary.readableBytes {
        case 0...0xFF: self.writeMultipleIntegers(0xC4 as UInt8, UInt8(binary.readableBytes))
        case 0x100...0xFFFF: self.writeMultipleIntegers(0xC5 as UInt8, UInt16(binary.readableBytes))
        default: self.writeMultipleIntegers(0xC6 as UInt8, UInt32(binary.readableBytes))
        }
        self.writeImmutableBuffer(binary)
    }

    package mutating func writeMessagePackList(count: Int) {
        switch count {
        case 0..<16: self.writeInteger(0x90 | UInt8(count))
        case 16...0xFFFF: self.writeMultipleIntegers(0xDC as UInt8, UInt16(count))
        default: self.writeMultipleIntegers(0xDD as UInt8, UInt32(count))
        }
    }

    package mutating func writeMessagePackMap(count: Int) {
        switch count {
        case 0..<16: self.writeInteger(0x80 | UInt8(count))
        case 16...0xFFFF: self.writeMultipleIntegers(0xDE as UInt8, UInt16(count))
        default: self.writeMultipleIntegers(0xDF as UInt8, UInt32(count))
        }
    }
}
