public import NIOCore

/// A message for clients of a JSON subprotocol.
///
///     {"type":"message","from":"group","group":"lobby","fromUserId":"ann","dataType":"text","data":"hi"}
///     {"type":"message","from":"server","dataType":"json","data":{"id":7},"metadata":{"trace":"a1"},"sequenceId":12}
///
/// The members are in this order. `fromUserId` is present if the sender has a user id, `metadata` if the message has some,
/// `sequenceId` for reliable clients.
public struct PubSubMessage: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
        /// - user: of the sender; nil for an anonymous client and for REST.
        case group(AudienceName, user: UTF8Text?)
        case server
    }

    public let source: Source
    public let payload: TypedPayload
    public let metadata: MessageMetadata

    public init(from source: Source, _ payload: TypedPayload, metadata: MessageMetadata = MessageMetadata()) {
        self.source = source
        self.payload = payload
        self.metadata = metadata
    }

    /// The JSON text, in one buffer of its size.
    /// - Parameter isNumbered: whether a ``SequenceTail`` follows. The text then ends before the number.
    public func encoded(isNumbered: Bool = false) -> ByteBuffer {
        let size = self.size
        var json = FrameEncoder.buffer(capacity: size.total + (isNumbered ? SequenceTail.byteCount : 0))
        json.write(atMost: size.total) { writer in
            switch self.source {
            case .server: writer.write(#"{"type":"message","from":"server","dataType":""#)
            case .group(let group, let user):
                writer.write(#"{"type":"message","from":"group","group":""#)
                JSONEscaping.write(group.text, to: &writer)
                if let user {
                    writer.write(#"","fromUserId":""#)
                    JSONEscaping.write(user.string, to: &writer)
                }
                writer.write(#"","dataType":""#)
            }
            writer.write(text: self.payload.dataType.rawValue)
            writer.write(#"","data":"#)
            self.writeData(size.text, to: &writer)
            if !self.metadata.isEmpty { self.writeMetadata(to: &writer) }
            if isNumbered { writer.write(#","sequenceId":"#) } else { writer.write("}") }
        }
        return json
    }

    private func writeData(_ count: Int, to writer: inout ByteWriter) {
        guard self.payload.dataType != .json else { return writer.write(self.payload.bytes) }
        writer.write("\"")
        switch self.payload.dataType {
        case .text: self.payload.bytes.withUnsafeReadableBytes { JSONEscaping.write($0, count: count, to: &writer) }
        case .json, .binary, .protobuf: Base64.write(self.payload.bytes, to: &writer)
        }
        writer.write("\"")
    }

    private func writeMetadata(to writer: inout ByteWriter) {
        writer.write(#","metadata":{"#)
        for (index, entry) in self.metadata.entries.enumerated() {
            writer.write(index == 0 ? "\"" : ",\"")
            JSONEscaping.write(entry.key.string, to: &writer)
            writer.write(#"":""#)
            JSONEscaping.write(entry.value.string, to: &writer)
            writer.write("\"")
        }
        writer.write("}")
    }

    /// Sizes in bytes: an upper bound of the whole message, and the size of the escaped text.
    private var size: (total: Int, text: Int) {
        // The members take at most 128 bytes, and 6 for each entry of the metadata.
        var members = 128
        if case .group(let group, let user) = self.source {
            members += JSONEscaping.count(of: group.text) + (user.map { JSONEscaping.count(of: $0.string) } ?? 0)
        }
        for entry in self.metadata.entries {
            members += 6 + JSONEscaping.count(of: entry.key.string) + JSONEscaping.count(of: entry.value.string)
        }
        let bytes = self.payload.bytes
        switch self.payload.dataType {
        case .json: return (members + bytes.readableBytes, 0)
        case .binary, .protobuf: return (members + Base64.encodedCount(of: bytes.readableBytes), 0)
        case .text:
            let count = bytes.withUnsafeReadableBytes { JSONEscaping.count(of: $0) }
            return (members + count, count)
        }
    }
}
