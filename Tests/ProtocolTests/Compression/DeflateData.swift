import VolaryProtocol

/// Compressed messages written from RFC 1951 by hand: stored blocks, and runs of one byte with the fixed codes. What comes out of the
/// product's own deflater is judged by other clients.
enum DeflateData {
    /// Stored blocks of at most `blockBytes`, and the first bits of the empty one that the last four bytes of a flush belong to.
    static func stored(_ payload: [UInt8], blockBytes: Int = 65_535) -> [UInt8] {
        var data: [UInt8] = []
        var rest = payload[...]
        while !rest.isEmpty {
            let block = rest.prefix(blockBytes)
            rest = rest.dropFirst(block.count)
            let length = UInt16(block.count)
            data += [0, UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8)]
            data += block
        }
        return data + [0]
    }

    /// 1 + 258 × `matches` zeros in one block of fixed codes: 13 bits for 258 bytes.
    static func zeros(matches: Int) -> [UInt8] {
        var bits = BitWriter()
        bits.write(0b010, 3)  // not the last block; fixed codes
        bits.writeCode(0b0011_0000, 8)  // the literal 0
        for _ in 0..<matches {
            bits.writeCode(0b1100_0101, 8)  // length 258
            bits.writeCode(0, 5)  // distance 1
        }
        bits.writeCode(0, 7)  // end of block
        bits.write(0, 3)  // the empty stored block
        return bits.bytes
    }

    static let agreement = NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate")])!
}

/// Bits as RFC 1951 section 3.1.1 packs them: from the lowest of each byte.
private struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var used = 8

    mutating func write(_ value: Int, _ count: Int) {
        for bit in 0..<count { self.append(value >> bit & 1) }
    }

    /// Codes begin with their highest bit.
    mutating func writeCode(_ code: Int, _ count: Int) {
        for bit in (0..<count).reversed() { self.append(code >> bit & 1) }
    }

    private mutating func append(_ bit: Int) {
        if self.used == 8 {
            self.bytes.append(0)
            self.used = 0
        }
        self.bytes[self.bytes.count - 1] |= UInt8(bit << self.used)
        self.used += 1
    }
}
