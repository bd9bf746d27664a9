/// Web PubSub for clients without one of its subprotocols: messages are only payloads.
public final class RawPubSubProtocol: ClientProtocol {
    public init() {}

    public var name: String { "webpubsub.raw" }

    public func encode(_ publication: Publication) -> ClientMessage? {
        publication.kind == .system ? nil : ClientMessage(TypedPayload(publication))
    }

    /// - Parameter facts: with parameters that ``RawClientMode`` accepts.
    public func makeSession(_ facts: SessionFacts) -> any ClientSession {
        RawPubSubSession(RawClientMode(parameters: facts.parameters) ?? .sendEvent, permissions: facts.permissions)
    }
}

final class RawPubSubSession: ClientSession {
    var permissions: GroupPermissions
    private let mode: RawClientMode

    init(_ mode: RawClientMode, permissions: GroupPermissions) {
        self.mode = mode
        self.permissions = permissions
    }

    func next(in message: inout ClientMessage) throws(ProtocolViolation) -> SessionStep {
        let payload = TypedPayload(message)
        switch self.mode {
        case .sendEvent: return .action(ClientAction(.event(ClientEvent(.message, payload))))
        case .sendToGroup(let group, let excludesSender):
            guard self.permissions.allows(.sendToGroup, group) else { throw .pubSubForbidden }
            return .action(ClientAction(.send(GroupSend(to: group, payload, excludesSender: excludesSender))))
        }
    }

    func encode(_ event: ServerEvent) -> ClientMessage? { nil }

    func end(after result: ActionResult) -> ProtocolViolation? {
        switch result {
        case .success: nil
        case .failure(.forbidden): .pubSubForbidden
        case .failure(.overQuota): .pubSubOverQuota
        case .failure: .pubSubFailed
        }
    }
}

extension TypedPayload {
    fileprivate init(_ message: ClientMessage) {
        switch message {
        case .text(let bytes): self.init(.text, bytes)
        case .binary(let bytes): self.init(.binary, bytes)
        }
    }
}

extension ClientMessage {
    /// The payload alone, in the kind of message for its type.
    init(_ payload: TypedPayload) {
        switch payload.dataType {
        case .text, .json: self = .text(payload.bytes)
        case .binary, .protobuf: self = .binary(payload.bytes)
        }
    }
}
