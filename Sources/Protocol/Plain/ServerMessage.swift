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

    /// The JSON text.
    public func encoded(allocator: ByteBufferAllocator) -> ByteBuffer {
        // The members around the message take at most 100 bytes.
        var json = allocator.buffer(capacity: self.message.readableBytes + 128)
        json.writeStaticString("{\"type\":\"")
        json.writeString(self.kind.rawValue)
        if let from {
            json.writeStaticString("\",\"from\":\"")
            json.writeString(from.short)
        }
        json.writeStaticString("\",\"message\":\"")
        json.writeJSONEscaped(self.message)
        json.writeStaticString("\",\"timestamp\":\"")
        json.writeString(Timestamp.seconds(self.timestamp))
        json.writeStaticString("\"}")
        return json
    }
}

extension ByteBuffer {
    /// Appends UTF-8 as the inside of a JSON string (RFC 8259 section 7): quote, backslash and control characters escaped.
    fileprivate mutating func writeJSONEscaped(_ text: ByteBuffer) {
        text.withUnsafeReadableBytes { bytes in
            var start = 0
            for index in bytes.indices {
                let byte = bytes[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                self.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
                start = index + 1
                switch byte {
                case UInt8(ascii: "\""): self.writeStaticString("\\\"")
                case UInt8(ascii: "\\"): self.writeStaticString("\\\\")
                case UInt8(ascii: "\n"): self.writeStaticString("\\n")
                case UInt8(ascii: "\r"): self.writeStaticString("\\r")
                case UInt8(ascii: "\t"): self.writeStaticString("\\t")
                default:
                    self.writeStaticString("\\u00")
                    self.writeString(Hex.encode(UInt64(byte), digits: 2))
                }
            }
            self.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
    }
}
