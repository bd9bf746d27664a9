extension StringProtocol {
    /// The longest prefix of whole Unicode scalars within a number of bytes of UTF-8. Quotations of text from outside are cut by
    /// scalars because one `Character` may be as long as the whole text.
    package func prefix(maximumBytes: Int) -> SubSequence {
        let bytes = self.utf8
        guard bytes.count > maximumBytes else { return self[...] }
        var end = bytes.index(bytes.startIndex, offsetBy: maximumBytes)
        var count = maximumBytes
        // A scalar begins at every byte that is not a continuation byte, 0b10xxxxxx.
        while count > 0, bytes[end] & 0xC0 == 0x80 {
            count -= 1
            end = bytes.index(bytes.startIndex, offsetBy: count)
        }
        return self[..<end]
    }
}
