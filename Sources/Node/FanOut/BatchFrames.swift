import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// The frames of messages that are delivered together: plain, and compressed for the connections that inflate.
struct BatchFrames: Sendable {
    private(set) var plain: ByteBuffer
    /// Nil when no connection of the node inflates: then it costs nothing.
    private var messages: [(opcode: Opcode, payload: ByteBuffer)]?

    /// - Parameter compresses: whether the compressed form may be asked for.
    init(opcode: Opcode, payload: ByteBuffer, compresses: Bool, allocator: ByteBufferAllocator) {
        self.plain = FrameEncoder.encode(opcode: opcode, payload: payload, allocator: allocator)
        self.messages = compresses ? [(opcode, payload)] : nil
    }

    mutating func append(opcode: Opcode, payload: ByteBuffer) {
        FrameEncoder.append(opcode: opcode, payload: payload, to: &self.plain)
        self.messages?.append((opcode, payload))
    }

    /// What they keep from being freed.
    var bytes: Int { self.messages == nil ? self.plain.readableBytes : 2 * self.plain.readableBytes }

    /// For all event loops together.
    var compressed: CompressedFrames? { self.messages.map(CompressedFrames.init) }
}

/// The compressed form of a batch, made once, by the first event loop that needs it. No event loop waits for another.
final class CompressedFrames: Sendable {
    /// Of the longest message, not compressed.
    private let longest: Int
    private let messages: [(opcode: Opcode, payload: ByteBuffer)]
    private let frames = NIOLockedValueBox<ByteBuffer?>(nil)

    fileprivate init(_ messages: [(opcode: Opcode, payload: ByteBuffer)]) {
        self.messages = messages
        self.longest = messages.lazy.map(\.payload.readableBytes).max() ?? 0
    }

    /// Whether a connection may have this form. One whose window is smaller than a message gets the whole batch plain.
    func isUsable(by connection: Connection) -> Bool {
        connection.compression?.allowsCompressed(bytes: self.longest) ?? false
    }

    /// Event loops that ask while the first is at it make them too. All use what was ready first.
    func frames(by deflater: Deflater) -> ByteBuffer {
        if let frames = self.frames.withLockedValue({ $0 }) { return frames }
        var made = ByteBuffer()
        for (opcode, payload) in self.messages {
            FrameEncoder.append(opcode: opcode, payload: payload, compressedBy: deflater, to: &made)
        }
        return self.frames.withLockedValue { [made] frames in
            let first = frames ?? made
            frames = first
            return first
        }
    }
}

extension FrameEncoder {
    /// Writes the compressed form of a message if that is the shorter one.
    static func append(opcode: Opcode, payload: ByteBuffer, compressedBy deflater: Deflater, to bytes: inout ByteBuffer) {
        if let compressed = deflater.compress(payload) {
            self.append(opcode: opcode, payload: compressed, isCompressed: true, to: &bytes)
        } else {
            self.append(opcode: opcode, payload: payload, to: &bytes)
        }
    }
}
