import NIOCore
import VolaryProtocol

/// What clients are told of messages that they will not get.
enum LossNotice {
    /// - Parameter lost: how many; nil where nobody can say, or whether there were any.
    static func text(lost: Int?) -> String {
        switch lost {
        case nil: "Messages may have been lost."
        case 1: "1 message was lost."
        case let count?: "\(count) messages were lost."
        }
    }

    /// As frames.
    /// - Parameter timestamp: milliseconds since 1970, UTC.
    static func frames(lost: Int?, at timestamp: Int64, precision: Timestamp.Precision) -> ByteBuffer {
        let message = ServerMessage(kind: .system, message: ByteBuffer(string: self.text(lost: lost)), timestamp: timestamp)
        let payload = message.encoded(allocator: ByteBufferAllocator(), precision: precision)
        return FrameEncoder.encode(opcode: .text, payload: payload)
    }
}
