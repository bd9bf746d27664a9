import NIOCore
import VolaryProtocol

/// Envelopes that no node of this format writes, made from bytes that one writes.
struct EnvelopeBytes {
    var bytes: [UInt8]

    init(_ golden: EnvelopeGolden) {
        self.bytes = golden.bytes
    }

    /// The format of the writer.
    var format: UInt8 {
        get { self.bytes[1] }
        set { self.bytes[1] = newValue }
    }

    /// The low 4 bits.
    var type: UInt8 {
        get { self.bytes[2] }
        set { self.bytes[2] = newValue }
    }

    var lowestFormat: UInt8 {
        get { self.bytes[3] }
        set { self.bytes[3] = newValue }
    }

    /// Adds a field in front of the first one with a higher tag.
    mutating func add(_ tag: UInt8, _ value: [UInt8]) {
        var index = 17
        for _ in 0..<self.bytes[16] where self.bytes[index] < tag {
            index += 3 + Int(self.bytes[index + 1]) << 8 + Int(self.bytes[index + 2])
        }
        self.bytes.insert(contentsOf: [tag, UInt8(value.count >> 8), UInt8(value.count & 0xFF)] + value, at: index)
        self.bytes[16] += 1
    }

    /// Nil: an envelope.
    var error: EnvelopeError? { Self.error(of: self.bytes) }

    static func error(of bytes: [UInt8]) -> EnvelopeError? {
        do {
            _ = try Envelope(decoding: ByteBuffer(bytes: bytes))
            return nil
        } catch {
            return error
        }
    }

    /// Whether `envelope` is what the bytes say, and no more: its own bytes are the same, without fields that were skipped, and with
    /// this format in place of a later one.
    static func say(_ bytes: [UInt8], _ envelope: Envelope) -> Bool {
        let own = Array(buffer: envelope.encoded())
        if own.count < bytes.count { return own[0..<16].dropFirst(2) == bytes[0..<16].dropFirst(2) }
        return own[0] == bytes[0] && own[1] <= bytes[1] && own.dropFirst(2) == bytes.dropFirst(2)
    }
}
