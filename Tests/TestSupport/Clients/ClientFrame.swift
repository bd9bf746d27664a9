/// The bytes of a client's frame, well-formed by default. Written from RFC 6455 section 5.2 and independent of the product's
/// encoder.
public struct ClientFrame {
    public enum LengthForm: Sendable {
        case shortest
        case sixteenBits
        case sixtyFourBits
    }

    public var isFinal: Bool
    /// The three bits RSV1 to RSV3 as a number from 0 to 7.
    public var reserved: UInt8
    public var opcode: UInt8
    public var payload: [UInt8]
    /// Nil if the frame is not masked.
    public var key: [UInt8]?
    public var lengthForm: LengthForm
    /// The length in the header, if it differs from the payload's.
    public var claimedLength: UInt64?

    public init(
        isFinal: Bool = true,
        reserved: UInt8 = 0,
        opcode: UInt8,
        payload: [UInt8] = [],
        key: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D],
        lengthForm: LengthForm = .shortest,
        claimedLength: UInt64? = nil
    ) {
        self.isFinal = isFinal
        self.reserved = reserved
        self.opcode = opcode
        self.payload = payload
        self.key = key
        self.lengthForm = lengthForm
        self.claimedLength = claimedLength
    }

    public var bytes: [UInt8] {
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
}

extension ClientFrame {
    /// - Parameter opcode: including the reserved bits, if any are set.
    public static func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        ClientFrame(isFinal: isFinal, reserved: opcode >> 4, opcode: opcode & 15, payload: payload).bytes
    }

    public static func text(_ text: String, isFinal: Bool = true) -> [UInt8] { self.text(Array(text.utf8), isFinal: isFinal) }

    public static func text(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] { self.frame(1, payload, isFinal: isFinal) }

    public static func binary(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] { self.frame(2, payload, isFinal: isFinal) }

    public static func continuation(_ text: String, isFinal: Bool = true) -> [UInt8] {
        self.continuation(Array(text.utf8), isFinal: isFinal)
    }

    public static func continuation(_ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
        self.frame(0, payload, isFinal: isFinal)
    }

    public static func close(_ payload: [UInt8] = []) -> [UInt8] { self.frame(8, payload) }

    public static func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
        self.close([UInt8(code >> 8), UInt8(code & 255)] + Array(reason.utf8))
    }

    public static func ping(_ payload: [UInt8] = []) -> [UInt8] { self.frame(9, payload) }

    public static func ping(_ text: String) -> [UInt8] { self.ping(Array(text.utf8)) }

    public static func pong(_ payload: [UInt8] = []) -> [UInt8] { self.frame(10, payload) }

    public static func pong(_ text: String) -> [UInt8] { self.pong(Array(text.utf8)) }
}
