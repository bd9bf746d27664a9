public import NIOCore

/// Between two nodes: what became of a publication? The answer goes to the topic of the node that asked. Not logged.
public struct TraceMessage: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// - facts: what the node that asks knows of it: JSON, at most ``Limits/maximumTraceBytes``. Empty if it knows nothing.
        case question(PublicationID, facts: ByteBuffer)
        /// JSON, at most ``Limits/maximumTraceBytes``.
        case answer(ByteBuffer)
    }

    /// Of the question, and of its answer.
    public let id: PublicationID
    public let content: Content

    public init(id: PublicationID, content: Content) {
        self.id = id
        self.content = content
    }
}

extension EnvelopeCodec {
    private enum TraceKind: UInt8 {
        case question = 1
        case answer = 2
    }

    static func encode(_ trace: TraceMessage, to writer: inout ByteWriter) {
        writer.write(trace.id)
        switch trace.content {
        case .question(let publication, let facts):
            writer.write(TraceKind.question.rawValue)
            writer.write(publication)
            writer.write(facts)
        case .answer(let json):
            writer.write(TraceKind.answer.rawValue)
            writer.write(json)
        }
    }

    static func decodeTrace(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> TraceMessage {
        let id = try bytes.readID(of: PublicationKind.self)
        guard let rawKind = bytes.readInteger(as: UInt8.self) else { throw .truncated }
        guard let kind = TraceKind(rawValue: rawKind) else { throw .invalid(field: "kind") }
        switch kind {
        case .question:
            let publication = try bytes.readID(of: PublicationKind.self)
            return TraceMessage(id: id, content: .question(publication, facts: try self.decodeJSON(bytes, field: "facts")))
        case .answer: return TraceMessage(id: id, content: .answer(try self.decodeJSON(bytes, field: "answer")))
        }
    }

    /// Only what every JSON is: UTF-8.
    private static func decodeJSON(_ bytes: ByteBuffer, field: String) throws(EnvelopeError) -> ByteBuffer {
        guard bytes.readableBytes <= Limits.maximumTraceBytes, bytes.isWellFormedUTF8 else { throw .invalid(field: field) }
        return bytes.slice()
    }
}

extension TraceMessage.Content {
    /// Bytes after the kind.
    package var byteCount: Int {
        switch self {
        case .question(_, let facts): EnvelopeCodec.idBytes + facts.readableBytes
        case .answer(let json): json.readableBytes
        }
    }
}
