/// Lower-case hexadecimal, for ids and hashes.
package enum Hex {
    /// Two digits for each byte.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        bytes.reduce(into: "") { $0 += self.encode(UInt64($1), digits: 2) }
    }

    static func encode(_ value: UInt64, digits: Int) -> String {
        String(unsafeUninitializedCapacity: digits) { bytes in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(bytes))
            writer.write(hex: value, digits: digits)
            return writer.count
        }
    }

    /// - Returns: the value of exactly `digits` (at most 16) lower-case hex digits, or nil.
    static func decode(_ bytes: some Sequence<UInt8>, digits: Int) -> UInt64? {
        var value: UInt64 = 0
        var count = 0
        for byte in bytes {
            let nibble: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            count += 1
            guard count <= digits else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return count == digits ? value : nil
    }
}
