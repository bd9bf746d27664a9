import NIOCore

/// Requests of clients to another node than their own, and the answers.
extension EnvelopeCodec {
    static func encode(_ request: TransportRequest, to writer: inout ByteWriter) {
        writer.write(request.hub)
        writer.write(request.id)
        writer.write(request.connection)
        writer.write(request.action.code)
        writer.write(UInt16(request.user?.byteCount ?? 0))
        if let user = request.user { writer.write(text: user.text) }
        if case .post(let bytes) = request.action { writer.write(bytes) }
    }

    static func encode(_ answer: TransportAnswer, to writer: inout ByteWriter) {
        writer.write(answer.id)
        writer.write(answer.outcome.rawValue)
        writer.write(answer.body)
    }

    static func decodeTransportRequest(_ bytes: inout ByteBuffer, in hub: HubName) throws(EnvelopeError) -> TransportRequest {
        let id = try bytes.readID(of: PublicationKind.self)
        let connection = try bytes.readID(of: ConnectionKind.self)
        guard let (code, userBytes) = bytes.readMultipleIntegers(as: (UInt8, UInt16).self), userBytes <= bytes.readableBytes
        else {
            throw .truncated
        }
        let user = userBytes == 0 ? nil : try bytes.readName(Int(userBytes), field: "user")
        let action: TransportRequest.Action
        switch code {
        case 1: action = .post(bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer())
        case 2: action = .poll
        case 3: action = .delete
        case 4: action = .abandon
        case 5: action = .written(true)
        case 6: action = .written(false)
        default: throw .invalid(field: "action")
        }
        guard bytes.readableBytes == 0 else { throw .trailingBytes }
        return TransportRequest(id: id, hub: hub, connection: connection, user: user, action: action)
    }

    static func decodeTransportAnswer(_ bytes: inout ByteBuffer) throws(EnvelopeError) -> TransportAnswer {
        let id = try bytes.readID(of: PublicationKind.self)
        guard let code = bytes.readInteger(as: UInt8.self) else { throw .truncated }
        guard let outcome = TransportAnswer.Outcome(rawValue: code) else { throw .invalid(field: "outcome") }
        let body = bytes.readSlice(length: bytes.readableBytes) ?? ByteBuffer()
        guard outcome == .data || body.readableBytes == 0 else { throw .trailingBytes }
        return TransportAnswer(id: id, outcome: outcome, body: body)
    }
}

extension TransportRequest.Action {
    fileprivate var code: UInt8 {
        switch self {
        case .post: 1
        case .poll: 2
        case .delete: 3
        case .abandon: 4
        case .written(true): 5
        case .written(false): 6
        }
    }

    /// Of its body.
    package var byteCount: Int { if case .post(let bytes) = self { bytes.readableBytes } else { 0 } }
}
