/// Finds a text in other texts by bytes, in linear time for every input (Knuth, Morris and Pratt).
struct ByteSearch {
    private let text: [UInt8]
    /// For each prefix of the text, the length of its longest proper prefix that is also its suffix.
    private let borders: [Int]

    /// - Parameter text: at least one byte.
    init(for text: [UInt8]) {
        var borders = [Int](repeating: 0, count: text.count)
        var length = 0
        for index in text.indices.dropFirst() {
            while length > 0, text[length] != text[index] { length = borders[length - 1] }
            if text[length] == text[index] { length += 1 }
            borders[index] = length
        }
        self.text = text
        self.borders = borders
    }

    /// - Parameter body: called with the index of each occurrence, in order, until it returns false. Occurrences may overlap.
    func forEachMatch(in bytes: [UInt8], _ body: (Int) -> Bool) {
        var matched = 0
        for (index, byte) in bytes.enumerated() {
            while matched > 0, matched == self.text.count || self.text[matched] != byte { matched = self.borders[matched - 1] }
            if self.text[matched] == byte { matched += 1 }
            if matched == self.text.count, !body(index + 1 - matched) { return }
        }
    }
}
