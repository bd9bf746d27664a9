/// A client's frame as bytes: well-formed unless told otherwise. Written from RFC 6455 section 5.2, not with the product's
/// encoder.
struct ClientFrame {
    enum LengthForm {
        case shortest
        case sixteenBits
        case sixtyFourBits
    }

    var isFinal = true
    /// The three bits RSV1 to RSV3, as the numbers 0 to 7.
    var reserved: UInt8 = 0
    var opcode: UInt8
    var payload: [UInt8] = []
    /// nil: not masked.
    var key: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    var lengthForm = LengthForm.shortest
    /// What the header says, if it is not the truth.
    var claimedLength: UInt64?

    var bytes: [UInt8] {
        var bytes: [UInt8] = [(self.isFinal ? 128 : 0) + self.reserved * 16 + self.opcode]
        let length = self.claimedLength ?? UInt64(self.payload.count)
        let maskBit: UInt8 = self.key == nil ? 0 : 128
        if self.lengthForm == .sixtyFourBits || length > 65535 {
            bytes.append(maskBit + 127)
            for shift in [56, 48, 40, 32, 24, 16, 8, 0] { bytes.append(UInt8(length >> UInt64(shift) & 255)) }
        } else if self.lengthForm == .sixteenBits || length > 125 {
            bytes.append(maskBit + 126)
            bytes.append(UInt8(length / 256))
            bytes.append(UInt8(length % 256))
        } else {
            bytes.append(maskBit + UInt8(length))
        }
        if let key = self.key { bytes += key }
        for (index, byte) in self.payload.enumerated() { bytes.append(byte ^ (self.key?[index % 4] ?? 0)) }
        return bytes
    }

    static func text(_ text: String, isFinal: Bool = true) -> [UInt8] {
        ClientFrame(isFinal: isFinal, opcode: 1, payload: Array(text.utf8)).bytes
    }

    static func text(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        ClientFrame(isFinal: isFinal, opcode: 1, payload: payload).bytes
    }

    static func binary(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        ClientFrame(isFinal: isFinal, opcode: 2, payload: payload).bytes
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        ClientFrame(isFinal: isFinal, opcode: 0, payload: payload).bytes
    }

    static func close(_ payload: [UInt8] = []) -> [UInt8] { ClientFrame(opcode: 8, payload: payload).bytes }
    static func ping(_ payload: [UInt8] = []) -> [UInt8] { ClientFrame(opcode: 9, payload: payload).bytes }
    static func pong(_ payload: [UInt8] = []) -> [UInt8] { ClientFrame(opcode: 10, payload: payload).bytes }
}
