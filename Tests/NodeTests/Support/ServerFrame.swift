import NIOCore

/// A frame from the server, as a client decodes it.
enum ServerFrame: Hashable, Sendable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, String)
    /// The payload of a text or binary frame.
    case compressed(UInt8, [UInt8])
    /// Properties that a server must not send: masking, fragmentation, reserved bits.
    case wrong([UInt8])

    /// Removes all complete frames from the front of `bytes`.
    static func read(_ bytes: inout ByteBuffer) -> [ServerFrame] {
        var frames: [ServerFrame] = []
        while let frame = self.next(&bytes) { frames.append(frame) }
        return frames
    }

    private static func next(_ bytes: inout ByteBuffer) -> ServerFrame? {
        let all = Array(bytes.readableBytesView.prefix(10))
        guard all.count >= 2 else { return nil }
        let (headerBytes, length): (Int, Int)
        switch all[1] & 127 {
        case 126:
            guard all.count >= 4 else { return nil }
            (headerBytes, length) = (4, Int(all[2]) << 8 | Int(all[3]))
        case 127:
            guard all.count >= 10 else { return nil }
            (headerBytes, length) = (10, all[2..<10].reduce(0) { $0 << 8 | Int($1) })
        case let short:
            (headerBytes, length) = (2, Int(short))
        }
        guard bytes.readableBytes >= headerBytes + length else { return nil }
        bytes.moveReaderIndex(forwardBy: headerBytes)
        let payload = bytes.readBytes(length: length) ?? []
        guard all[1] < 128 else { return .wrong(all) }
        switch all[0] {
        case 0x81: return .text(String(decoding: payload, as: UTF8.self))
        case 0x82: return .binary(payload)
        case 0x89: return .ping(payload)
        case 0x8A: return .pong(payload)
        case 0xC1, 0xC2: return .compressed(all[0] & 15, payload)
        case 0x88 where payload.isEmpty: return .close(nil, "")
        case 0x88 where payload.count > 1:
            return .close(UInt16(payload[0]) << 8 | UInt16(payload[1]), String(decoding: payload[2...], as: UTF8.self))
        default: return .wrong(all)
        }
    }
}
