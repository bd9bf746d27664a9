import NIOCore

/// The character set windows-1252. `FoundationEssentials` does not know it; all of Foundation would make the program twice as large.
enum Windows1252 {
    /// Of the bytes 0x80 to 0x9F; nil where there is none. All other bytes stand for themselves, as in ISO 8859-1.
    private static let special: [Unicode.Scalar?] = [
        "€", nil, "‚", "ƒ", "„", "…", "†", "‡", "ˆ", "‰", "Š", "‹", "Œ", nil, "Ž", nil,
        nil, "‘", "’", "“", "”", "•", "–", "—", "˜", "™", "š", "›", "œ", nil, "ž", "Ÿ",
    ]

    /// - Returns: the text in UTF-8; nil for bytes that stand for no character.
    static func text(_ bytes: some Sequence<UInt8>) -> ByteBuffer? {
        var text: [UInt8] = []
        for byte in bytes {
            let scalar = (0x80...0x9F).contains(byte) ? self.special[Int(byte) - 0x80] : Unicode.Scalar(byte)
            guard let scalar else { return nil }
            text += scalar.utf8
        }
        return ByteBuffer(bytes: text)
    }
}
