import NIOCore
import VolaryProtocol

/// One way in which messages become bytes: a client protocol, a framing, and with or without compression. Compared by identity:
/// ``SpokenProtocol`` creates one instance of each.
final class ClientEncoding: Sendable {
    let clientProtocol: any ClientProtocol
    let framing: Framing
    /// See ``ClientProtocol/tailBytes``.
    let tailBytes: Int
    /// The same encoding without compression, for messages that are too long for a client's window. nil if this one does not
    /// compress.
    let uncompressed: ClientEncoding?

    init(_ clientProtocol: any ClientProtocol, framing: Framing) {
        self.clientProtocol = clientProtocol
        self.framing = framing
        self.tailBytes = clientProtocol.tailBytes
        precondition((0...Limits.maximumTailBytes).contains(self.tailBytes), "tailBytes is out of range")
        self.uncompressed = nil
    }

    init(deflating uncompressed: ClientEncoding) {
        self.clientProtocol = uncompressed.clientProtocol
        self.framing = uncompressed.framing
        self.tailBytes = uncompressed.tailBytes
        self.uncompressed = uncompressed
    }

    var isDeflated: Bool { self.uncompressed != nil }

    /// Frames one message for one connection.
    func frame(
        _ message: consuming ClientMessage,
        for transport: any ClientTransport,
        deflater: @autoclosure () -> Deflater
    ) -> ByteBuffer {
        switch self.framing {
        case .webSocket: break
        case .eventStream, .unframed: return message.webSocket.payload
        case .eventData:
            var event = ByteBuffer()
            event.writeEvent(data: message.webSocket.payload)
            return event
        }
        let length = message.byteCount
        guard self.isDeflated, length <= Deflater.maximumBytes, transport.allowsDeflated(bytes: length) else {
            return message.frame()
        }
        let (opcode, payload) = message.webSocket
        var frame = ByteBuffer()
        FrameEncoder.append(opcode: opcode, payload: payload, compressedBy: deflater(), to: &frame)
        return frame
    }
}

extension ClientMessage {
    /// The message as a frame.
    consuming func frame() -> ByteBuffer {
        switch consume self {
        case .text(let text): FrameEncoder.frame(opcode: .text, payload: text)
        case .binary(let bytes): FrameEncoder.frame(opcode: .binary, payload: bytes)
        }
    }

    /// The message as opcode and payload of a WebSocket frame.
    var webSocket: (opcode: Opcode, payload: ByteBuffer) {
        switch self {
        case .text(let text): (.text, text)
        case .binary(let bytes): (.binary, bytes)
        }
    }
}
