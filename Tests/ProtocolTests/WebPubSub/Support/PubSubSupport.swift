import NIOCore
import VolaryProtocol

/// Shorter forms for the tests of Web PubSub.
enum PubSub {
    static let id = ConnectionID("a1b2c3d400000000000000000a0b0c0d")!

    static func group(_ text: String) -> AudienceName { AudienceName(pubSubGroup: UTF8Text(text))! }

    static func permissions(_ roles: String...) -> GroupPermissions { GroupPermissions(roles: roles.map { UTF8Text($0) })! }

    static func payload(_ dataType: TypedPayload.DataType, _ text: String) -> TypedPayload {
        TypedPayload(dataType, ByteBuffer(string: text))
    }

    static func metadata(_ entries: (UTF8Text, UTF8Text)...) -> MessageMetadata {
        MessageMetadata(entries.map { MessageMetadata.Entry($0, $1) })!
    }

    static func text(_ message: ClientMessage?) -> String? {
        guard case .text(let bytes) = message else { return nil }
        return String(buffer: bytes)
    }

    static func facts(
        user: String? = nil,
        parameters: [UTF8Text: UTF8Text] = [:],
        permissions: GroupPermissions = .none,
        publicationCount: UInt64 = 0
    ) -> SessionFacts {
        SessionFacts(
            id: self.id,
            user: user.flatMap { AudienceName($0) },
            path: "/client/hubs/chat",
            subprotocol: nil,
            parameters: parameters,
            permissions: permissions,
            publicationCount: publicationCount
        )
    }

    static func publication(
        _ dataType: Publication.DataType,
        _ payload: String,
        to audience: Audience = .all,
        kind: Publication.Kind = .serverBroadcast
    ) -> Publication {
        Publication(
            id: PublicationID("00000000000000000000000000000001")!,
            kind: kind,
            sender: kind == .message ? self.id : nil,
            hub: .default,
            audience: audience,
            dataType: dataType,
            timestamp: 0,
            payload: ByteBuffer(string: payload)
        )
    }
}

extension ClientSession {
    /// The step of a text message.
    func step(_ text: String) throws(ProtocolViolation) -> SessionStep {
        var message = ClientMessage.text(ByteBuffer(string: text))
        return try self.next(in: &message)
    }

    /// The message for the result of an action.
    func told(_ result: ActionResult, _ ackID: UInt64?) -> String? {
        PubSub.text(self.encode(.result(result, ackID: ackID.map { .number($0) }, timestamp: 0)))
    }
}

extension SessionStep {
    static func reply(_ text: String) -> SessionStep { .reply(.text(ByteBuffer(string: text))) }
}
