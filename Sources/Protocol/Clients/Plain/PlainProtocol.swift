import NIOCore

/// The protocol of `/ws`. A text or binary message of a client has no further structure. Text messages of the node are JSON
/// objects (``ServerMessage``).
public final class PlainProtocol: ClientProtocol {
    /// Precision of timestamps in messages.
    private let precision: Timestamp.Precision
    private let allocator = ByteBufferAllocator()

    public init(precision: Timestamp.Precision = .seconds) {
        self.precision = precision
    }

    public var name: String { "plain" }

    public func makeSession(_ facts: SessionFacts) -> any ClientSession { self }

    public func encode(_ publication: Publication) -> ClientMessage? {
        let content: ServerMessage.Content
        switch publication.dataType {
        case .text: content = .text(publication.payload)
        case .json: content = .json(publication.payload)
        case .binary, .protobuf: return .binary(publication.payload)
        }
        let message = ServerMessage(
            kind: publication.kind.plain,
            from: publication.sender,
            content: content,
            timestamp: publication.timestamp,
            // Messages between clients have no id, to keep them short.
            id: publication.kind == .serverBroadcast ? publication.id : nil,
            audience: publication.audience
        )
        return self.text(message)
    }

    private func text(_ message: ServerMessage) -> ClientMessage { .text(self.json(message)) }

    func json(_ message: ServerMessage) -> ByteBuffer { message.encoded(allocator: self.allocator, precision: self.precision) }
}

/// The protocol has no state of a connection.
extension PlainProtocol: ClientSession {
    public func next(in message: inout ClientMessage) -> SessionStep { .action(ClientAction(.message(message))) }

    public func encode(_ event: ServerEvent) -> ClientMessage? {
        switch event {
        case .welcome(let welcome): .text(welcome.encoded(precision: self.precision))
        case .echo(.text(let text), let sender, let timestamp):
            self.text(ServerMessage(kind: .echo, from: sender, message: text, timestamp: timestamp))
        // The sender of a binary message gets it only as a publication, so that all clients get one copy each in the same
        // order.
        case .echo(.binary, _, _): nil
        case .notice(let text, let timestamp): self.notice(text, timestamp)
        case .result(.failure(let failure), _, let timestamp):
            failure.plainReason.map { self.notice("Your message was not delivered: \($0)", timestamp) }
        case .result(.success, _, _), .connected, .hub, .ping, .closing: nil
        }
    }

    private func notice(_ text: String, _ timestamp: Int64) -> ClientMessage {
        self.text(ServerMessage(kind: .system, message: ByteBuffer(string: text), timestamp: timestamp))
    }
}

extension ActionFailure {
    /// nil if the application sends its own notice, at a limited rate.
    fileprivate var plainReason: String? {
        switch self {
        case .forbidden: nil
        case .tooLarge: "it is too large for the cluster."
        case .refused: "the cluster does not take it, and would not if you sent it again."
        case .historyFull: "nobody is there to get it, and too much waits for those who are away. Try again later."
        case .busy: "too much waits to be sent. Try again later."
        case .overQuota: "its hub is over its quota. Try again later."
        case .unreachable: "the cluster cannot be reached. Try again later."
        case .duplicate: "it has been sent before."
        case .failed: "the application does not take it."
        }
    }
}

extension Publication.Kind {
    /// In messages of the plain protocol.
    var plain: ServerMessage.Kind {
        switch self {
        case .system: .system
        case .message: .message
        case .serverBroadcast: .serverBroadcast
        }
    }
}
