/// Small DEFLATE data (RFC 1951) that inflates to a large size, written by hand.
enum DeflateBomb {
    /// A payload of permessage-deflate: one block with fixed codes, which contains a zero byte and copies of it, 258 at a time.
    /// - Parameter bytes: the number of zeros, at least.
    static func zeros(_ bytes: Int) -> [UInt8] {
        var writer = BitWriter()
        // Not the final block; fixed codes.
        writer.append([0, 1, 0])
        // The literal 0 is 00110000, a length of 258 is 11000101, a distance of 1 is 00000 (section 3.2.6).
        writer.append([0, 0, 1, 1, 0, 0, 0, 0])
        for _ in 0..<(bytes / 258 + 1) { writer.append([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]) }
        // The end of the block, and the header of an empty stored block, whose length the extension leaves out (RFC 7692 section
        // 7.2.1).
        writer.append([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        return writer.bytes
    }

    /// Fills each byte from its lowest bit; codes begin with their highest bit.
    private struct BitWriter {
        private(set) var bytes: [UInt8] = []
        private var count = 0

        mutating func append(_ bits: [UInt8]) {
            for bit in bits {
                if self.count % 8 == 0 { self.bytes.append(0) }
                self.bytes[self.bytes.count - 1] |= bit << UInt8(self.count % 8)
                self.count += 1
            }
        }
    }
}
