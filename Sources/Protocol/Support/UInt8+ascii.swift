extension UInt8 {
    /// An upper-case ASCII letter in lower case; every other byte unchanged.
    package var lowercasedASCII: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
}

extension UTF8Text {
    /// Whether the texts are the same but for the case of ASCII letters.
    package func equalsIgnoringCase(_ other: UTF8Text) -> Bool {
        self.utf8.count == other.utf8.count
            && zip(self.utf8, other.utf8).allSatisfy { $0.lowercasedASCII == $1.lowercasedASCII }
    }
}
