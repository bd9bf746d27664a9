public import NIOCore

/// A text message from the server in the plain protocol: one JSON object on `/ws`.
///
///     {"type":"message","from":"a1b2c3d4","message":"Hello!","timestamp":"2026-06-13T06:00:01Z"}
///     {"type":"server-broadcast","message":"Hello!","timestamp":"2026-06-13T06:00:01Z","id":"b597…","group":"staff"}
///     {"type":"server-broadcast","timestamp":"2026-06-13T06:00:01Z","id":"b597…","data":{"price":7}}
///
/// Members stand in this order: `from` only where there is a sender, `message` or `data`, `id` where there is one, `group` or
/// `user` only of what was sent to one.
public struct ServerMessage: Sendable {
    public enum Kind: String, Sendable {
        case system
        case echo
        case message
        case serverBroadcast = "server-broadcast"
    }

    public enum Content: Sendable {
        /// Well-formed UTF-8; becomes `message`.
        case text(ByteBuffer)
        /// A JSON text; becomes `data`, as it is.
        case json(ByteBuffer)
    }

    public let kind: Kind
    /// The sender; its short form becomes `from`.
    public let from: ConnectionID?
    public let content: Content
    /// Milliseconds since 1970, UTC.
    public let timestamp: Int64
    /// Of the push, as its receipt has it.
    public let id: PublicationID?
    /// To whom it was sent; a group becomes `group`, a user `user`.
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

    /// The JSON text, in one buffer of its size.
    public func encoded(allocator: ByteBufferAllocator, precision: Timestamp.Precision = .seconds) -> ByteBuffer {
        let size = self.size
        var json = allocator.buffer(capacity: size.total)
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

    /// Bytes that are enough for all of it, and those of the text, escaped.
    private var size: (total: Int, text: Int) {
        // The members around the content take at most 100 bytes, the id 40, and a name 11 and itself.
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
    /// How the member of a group or a user begins, and the name in it.
    fileprivate var named: (member: StaticString, name: AudienceName)? {
        switch self {
        case .all, .connection: nil
        case .group(let name): ("\",\"group\":\"", name)
        case .user(let name): ("\",\"user\":\"", name)
        }
    }
}
