public import NIOCore

/// The first message to a client of the plain protocol that asked for it. It contains the client's identity.
///
///     {"type":"welcome","timestamp":"2026-06-13T06:00:01Z","id":"a1b2…","node":"node1","user":"alice","groups":["staff"]}
///
/// The members are in this order. `user` is null for an anonymous client.
public struct WelcomeMessage: Sendable {
    public let id: ConnectionID
    /// The name of the node that holds the connection.
    public let node: String
    public let user: AudienceName?
    /// The groups of the connection at its start.
    public let groups: Set<AudienceName>
    /// Milliseconds since 1970, UTC.
    public let timestamp: Int64

    public init(id: ConnectionID, node: String, user: AudienceName?, groups: Set<AudienceName>, timestamp: Int64) {
        self.id = id
        self.node = node
        self.user = user
        self.groups = groups
        self.timestamp = timestamp
    }

    /// The JSON text.
    public func encoded(precision: Timestamp.Precision = .seconds) -> ByteBuffer {
        let groups = self.groups.sorted().map(\.text)
        let texts = ([self.node, self.user?.text ?? ""] + groups).reduce(0) { $0 + JSONEscaping.count(of: $1) }
        var json = ByteBuffer()
        // All other characters take at most 140 bytes, plus 3 for each group.
        json.write(atMost: 140 + texts + 3 * groups.count) { writer in
            writer.write("{\"type\":\"welcome\",\"timestamp\":\"")
            Timestamp.write(self.timestamp, fraction: precision == .milliseconds, to: &writer)
            writer.write("\",\"id\":\"")
            self.id.write(to: &writer)
            writer.write("\",\"node\":")
            Self.write(quoted: self.node, to: &writer)
            writer.write(",\"user\":")
            if let user { Self.write(quoted: user.text, to: &writer) } else { writer.write("null") }
            writer.write(",\"groups\":[")
            for (index, group) in groups.enumerated() {
                if index > 0 { writer.write(",") }
                Self.write(quoted: group, to: &writer)
            }
            writer.write("]}")
        }
        return json
    }

    private static func write(quoted text: String, to writer: inout ByteWriter) {
        writer.write("\"")
        JSONEscaping.write(text, to: &writer)
        writer.write("\"")
    }
}
