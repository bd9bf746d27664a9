/// Checks whether bytes that arrive in parts are well-formed UTF-8 (RFC 3629, Unicode table 3-7): no overlong forms, no
/// surrogates, nothing above U+10FFFF.
///
/// Three bytes of state, no allocation. A wrong byte is found when it is consumed, not at the end of its character.
package struct UTF8Validator: Hashable, Sendable {
    /// How many bytes the current character still needs, 0 to 3.
    private var missing: UInt8 = 0
    /// The range of the next byte of the character. Empty once the input is wrong, so that no further byte is accepted.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    package init() {}

    /// Whether all bytes so far are well-formed and end at the end of a character.
    package var isComplete: Bool { self.missing == 0 }

    /// - Returns: false as soon as no further bytes could make the input well-formed; from then on always false.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            if self.missing == 0 {
                index = Self.skipASCII(bytes, from: index)
                guard index < bytes.count else { break }
                self.begin(bytes[index])
            } else {
                self.proceed(bytes[index])
            }
            guard self.lowest <= self.highest else { return false }
            index += 1
        }
        return self.lowest <= self.highest
    }

    /// - Returns: the index of the first byte at or after `start` that is not ASCII, or the end.
    private static func skipASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        // In scripts other than Latin, most characters are followed by another that is not ASCII: this check avoids the loop
        // below.
        guard index < bytes.count, bytes[index] < 0x80 else { return index }
        while index + 8 <= bytes.count,
            bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
            index += 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index += 1 }
        return index
    }

    /// Handles the first byte of a character of two to four bytes. It also sets the range of the second byte, which excludes
    /// overlong forms (E0, F0), surrogates (ED) and values above U+10FFFF (F4).
    private mutating func begin(_ byte: UInt8) {
        switch byte {
        case 0xC2...0xDF: self.expect(1, from: 0x80, to: 0xBF)
        case 0xE0: self.expect(2, from: 0xA0, to: 0xBF)
        case 0xED: self.expect(2, from: 0x80, to: 0x9F)
        case 0xE1...0xEF: self.expect(2, from: 0x80, to: 0xBF)
        case 0xF0: self.expect(3, from: 0x90, to: 0xBF)
        case 0xF1...0xF3: self.expect(3, from: 0x80, to: 0xBF)
        case 0xF4: self.expect(3, from: 0x80, to: 0x8F)
        default: self.fail()
        }
    }

    private mutating func proceed(_ byte: UInt8) {
        guard self.lowest <= byte, byte <= self.highest else { return self.fail() }
        self.expect(self.missing - 1, from: 0x80, to: 0xBF)
    }

    private mutating func expect(_ count: UInt8, from lowest: UInt8, to highest: UInt8) {
        self.missing = count
        self.lowest = lowest
        self.highest = highest
    }

    private mutating func fail() {
        self.expect(1, from: 0xFF, to: 0x00)
    }
}
