/// The masking of a client's payload (RFC 6455 section 5.3): each byte is XORed with one of the key's four bytes in turn.
enum Masking {
    /// Copies and unmasks in one pass, 8 bytes at a time.
    ///
    /// - Parameters:
    ///   - source: a part of a frame's payload.
    ///   - target: at least as long as `source`; must not overlap it.
    ///   - key: as in the header, with the first byte highest.
    ///   - offset: how many bytes of the payload came before this part.
    static func unmask(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer,
        key: UInt32,
        offset: Int
    ) {
        precondition(target.count >= source.count)
        // Rotated so that the byte for source[0] is first. From there on the key repeats every 4 bytes, and so every 8.
        let turn = UInt32(truncatingIfNeeded: offset & 3) * 8
        let turned = key << turn | key >> (32 - turn)
        let word = (UInt64(turned) << 32 | UInt64(turned)).bigEndian
        var index = 0
        while index + 8 <= source.count {
            let masked = source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            target.storeBytes(of: masked ^ word, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < source.count {
            target[index] = source[index] ^ UInt8(truncatingIfNeeded: turned >> (24 - 8 * UInt32(truncatingIfNeeded: index & 3)))
            index += 1
        }
    }
}
