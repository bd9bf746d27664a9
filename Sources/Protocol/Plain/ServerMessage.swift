public import NIOCore

/// A text message from the server in the plain protocol: one JSON object on `/ws`.
///
///     {"type":"message","from":"a1b2c3d4","message":"Hello!","timestamp":"2026-06-13T06:00:01Z"}
///
/// Members stand in this order; `from` only where there is a sender.
public struct ServerMessage: Sendable {
    public enum Kind: String, Sendable {
        case system
        case echo
        case message
        case serverBroadcast = "server-broadcast"
    }

    public let kind: Kind
    /// The sender; its short form becomes `from`.
    public let from: ConnectionID?
    /// Well-formed UTF-8.
    public let message: ByteBuffer
    /// Milliseconds since 1970, UTC.
    public let timestamp: Int64

    public init(kind: Kind, from: ConnectionID? = nil, message: ByteBuffer, timestamp: Int64) {
        self.kind = kind
        self.from = from
        self.message = message
        self.timestamp = timestamp
    }

    /// The JSON text, in one buffer of its size.
    public func encoded(allocator: ByteBufferAllocator) -> ByteBuffer {
        self.message.withUnsafeReadableBytes { text in
            let count = JSONEscaping.count(of: text)
            // The members around the message take at most 100 bytes.
            var json = allocator.buffer(capacity: count + 100)
            json.write(atMost: count + 100) { writer in
                writer.write("{\"type\":\"")
                writer.write(text: self.kind.rawValue)
                if let from {
                    writer.write("\",\"from\":\"")
                    from.writeShort(to: &writer)
                }
                writer.write("\",\"message\":\"")
                JSONEscaping.write(text, count: count, to: &writer)
                writer.write("\",\"timestamp\":\"")
                Timestamp.write(self.timestamp, fraction: false, to: &writer)
                writer.write("\"}")
            }
            return json
        }
    }
}
