import NIOCore
import VolaryProtocol

enum FramesFuzz {
    private static let limits = MessageLimits(maximumMessageBytes: 300, maximumFramesPerMessage: 6)

    private enum Event: Equatable {
        case message(Opcode, ByteBuffer)
        case close(CloseCode?, String)
        case violation(CloseCode)
    }

    /// The events and the close code do not depend on how the bytes are split, and a message that is encoded again as one frame
    /// is the same message.
    /// - Parameter agreement: the negotiated permessage-deflate.
    static func check(_ input: [UInt8], _ agreement: NegotiatedDeflate? = nil) throws(FuzzFailure) {
        let (whole, parts) = parts(of: input)
        let events = self.events([whole], agreement)
        let cut = self.events(parts, agreement)
        try hold(cut == events, "split: \(cut), whole: \(events)")
        for case .message(let opcode, let payload) in events {
            try hold(payload.readableBytes <= self.limits.maximumMessageBytes, "a message of \(payload.readableBytes) bytes")
            let again = self.events([self.frame(opcode, payload)[...]], agreement)
            try hold(again == [.message(opcode, payload)], "\(opcode) \(payload) is decoded as \(again)")
        }
    }

    private static func events(_ parts: [ArraySlice<UInt8>], _ agreement: NegotiatedDeflate?) -> [Event] {
        var decoder = MessageDecoder(limits: self.limits, compression: agreement)
        var events: [Event] = []
        for part in parts {
            var bytes = ByteBuffer(bytes: part)
            do throws(ProtocolViolation) {
                while let event = try decoder.next(&bytes) {
                    switch event {
                    case .text(let payload): events.append(.message(.text, payload))
                    case .binary(let payload): events.append(.message(.binary, payload))
                    case .ping(let payload): events.append(.message(.ping, payload))
                    case .pong(let payload): events.append(.message(.pong, payload))
                    case .close(let code, let reason):
                        events.append(.close(code, reason))
                        return events
                    }
                }
            } catch {
                // The code, not the reason: a compressed text may violate two rules at the same place.
                events.append(.violation(error.closeCode))
                return events
            }
        }
        return events
    }

    /// A client's frame, with a key of zeros (RFC 6455 section 5.2).
    private static func frame(_ opcode: Opcode, _ payload: ByteBuffer) -> [UInt8] {
        let length = payload.readableBytes
        let size = length < 126 ? [UInt8(0x80 + length)] : [0xFE, UInt8(length >> 8), UInt8(length & 0xFF)]
        return [0x80 | opcode.rawValue] + size + [0, 0, 0, 0] + Array(buffer: payload)
    }

    static var seeds: [[UInt8]] {
        let key: [UInt8] = [0, 0, 0, 0]
        let text = Array("Hé€😀".utf8)
        let size = UInt8(0x80 + text.count)
        let frames: [[UInt8]] = [
            [0x81, size] + key + text, [0x82, 0x83] + key + [1, 2, 255], [0x89, 0x81] + key + [7], [0x8A, 0x80] + key,
            [0x01, size] + key + text + [0x89, 0x80] + key + [0x80, size] + key + text,
            [0x88, 0x80] + key, [0x88, 0x85] + key + [3, 232] + Array("bye".utf8),
            [0x82, 0xFE, 0, 200] + key + [UInt8](repeating: 9, count: 200),
            [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0] + key, [0xC1, 0x80] + key,
            // "Hello" as in RFC 7692 section 7.2.3, whole and in two fragments.
            [0xC1, 0x87] + key + [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
            [0x41, 0x83] + key + [0xF2, 0x48, 0xCD] + [0x80, 0x84] + key + [0xC9, 0xC9, 0x07, 0x00],
        ]
        return frames.map { [77] + $0 }
    }
}
