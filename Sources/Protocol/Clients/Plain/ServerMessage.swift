public import NIOCore

/// A text message from the server in the plain protocol: one JSON object on `/ws`.
///
///     {"type":"message","from":"a1b2c3d4","message":"Hello!","timestamp":"2026-06-13T06:00:01Z"}
///     {"type":"server-broadcast","message":"Hello!","timestamp":"2026-06-13T06:00:01Z","id":"b597…","group":"staff"}
///     {"type":"server-broadcast","timestamp":"2026-06-13T06:00:01Z","id":"b597…","data":{"price":7}}
///
/// The members are in this order. `from` is present if there is a sender. Either `message` or `data` is present. `id` is
/// present if the message has one. `group` or `user` is present if the message was sent to a group or a user.
public struct ServerMessage: Sendable {
    public enum Kind: String, Sendable {
        case system
        case echo
        case message
        case serverBroadcast = "server-broadcast"
        /// On event streams.
        case gap
    }

    public enum Content: Sendable {
        /// Well-formed UTF-8, for `message`.
        case text(ByteBuffer)
        /// A JSON text, for `data`, copied unchanged.
        case json(ByteBuffer)
    }

    public let kind: Kind
    /// The sender. Its short form is the value of `from`.
    public let from: ConnectionID?
    public let content: Content
    /// Milliseconds since 1970, UTC.
    public let timestamp: Int64
    /// The id of the push, as in its receipt.
    public let id: PublicationID?
    /// The receivers: a group is the value of `group`, a user the value of `user`.
    public let audience: Audience

    public init(
        kind: Kind,
        from: ConnectionID? = nil,
        content: Content,
        timestamp: Int64,
        id: PublicationID? = nil,
        audience: Audience = .all
    ) {
        self.kind = kind
        self.from = from
        self.content = content
        self.timestamp = timestamp
        self.id = id
        self.audience = audience
    }

    /// - Parameter message: well-formed UTF-8.
    public init(kind: Kind, from: ConnectionID? = nil, message: ByteBuffer, timestamp: Int64) {
        self.init(kind: kind, from: from, content: .text(message), timestamp: timestamp)
    }

    /// The JSON text, in one buffer of its size. See ``FrameEncoder/frame(opcode:payload:)``.
    public func encoded(allocator: ByteBufferAllocator, precision: Timestamp.Precision = .seconds) -> ByteBuffer {
        let size = self.size
        var json = FrameEncoder.buffer(capacity: size.total, allocator: allocator)
        json.write(atMost: size.total) { writer in
            writer.write("{\"type\":\"")
            writer.write(text: self.kind.rawValue)
            if let from {
                writer.write("\",\"from\":\"")
                from.writeShort(to: &writer)
            }
            if case .text(let text) = self.content {
                writer.write("\",\"message\":\"")
                text.withUnsafeReadableBytes { JSONEscaping.write($0, count: size.text, to: &writer) }
            }
            writer.write("\",\"timestamp\":\"")
            Timestamp.write(self.timestamp, fraction: precision == .milliseconds, to: &writer)
            if let id {
                writer.write("\",\"id\":\"")
                id.write(to: &writer)
            }
            if let (member, name) = self.audience.named {
                writer.write(member)
                JSONEscaping.write(name.text, to: &writer)
            }
            writer.write("\"")
            if case .json(let data) = self.content {
                writer.write(",\"data\":")
                writer.write(data)
            }
            writer.write("}")
        }
        return json
    }

    /// Sizes in bytes: an upper bound of the whole message, and the size of the escaped text.
    private var size: (total: Int, text: Int) {
        // The members around the content take at most 100 bytes, an id 40, and a group or user 11 plus its name.
        let members =
            100 + (self.id == nil ? 0 : 40) + (self.audience.named.map { 11 + JSONEscaping.count(of: $0.name.text) } ?? 0)
        switch self.content {
        case .text(let text):
            let count = text.withUnsafeReadableBytes { JSONEscaping.count(of: $0) }
            return (members + count, count)
        case .json(let data): return (members + data.readableBytes, 0)
        }
    }
}

extension Audience {
    /// The beginning of the member for a group or a user, and its name.
    fileprivate var named: (member: StaticString, name: AudienceName)? {
        switch self {
        case .all, .connection: nil
        case .group(let name): ("\",\"group\":\"", name)
        case .user(let name): ("\",\"user\":\"", name)
        }
    }
}
