/// Operations on ASCII text, by bytes. Operations on `Character` would take quadratic time for some inputs.
extension StringProtocol {
    /// Whether the texts are equal, ignoring the case of ASCII letters.
    func isSame(_ other: String) -> Bool {
        guard self.utf8.count == other.utf8.count else { return false }
        // Header strings of NIO are native Swift strings, whose bytes are contiguous.
        return self.utf8.withContiguousStorageIfAvailable { own in
            other.utf8.withContiguousStorageIfAvailable { others in
                own.indices.allSatisfy { own[$0].lowercased == others[$0].lowercased }
            }
        }.flatMap(\.self) ?? self.utf8.elementsEqual(other.utf8) { $0.lowercased == $1.lowercased }
    }

    /// Whether the text has the prefix, ignoring the case of ASCII letters.
    func begins(_ other: String) -> Bool {
        self.utf8.prefix(other.utf8.count).elementsEqual(other.utf8) { $0.lowercased == $1.lowercased }
    }

    /// Whether the text has the suffix, ignoring the case of ASCII letters.
    func ends(_ other: String) -> Bool {
        self.utf8.suffix(other.utf8.count).elementsEqual(other.utf8) { $0.lowercased == $1.lowercased }
    }

    var isASCII: Bool {
        self.utf8.withContiguousStorageIfAvailable { $0.reduce(0, |) < 0x80 } ?? self.utf8.allSatisfy { $0 < 0x80 }
    }
}

extension Substring {
    /// The text without the whitespace that may surround list elements.
    var trimmingOWS: Substring {
        var bytes = self.utf8.drop(while: \.isOWS)
        while let last = bytes.last, last.isOWS { bytes.removeLast() }
        return Substring(bytes)
    }
}

extension UInt8 {
    /// The lowercase form of an ASCII letter; any other byte is unchanged.
    var lowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }

    /// Optional whitespace, RFC 9110 section 5.6.3.
    fileprivate var isOWS: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
