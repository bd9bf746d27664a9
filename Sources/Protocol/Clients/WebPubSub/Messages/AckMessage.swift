import NIOCore

/// The result of a client's message that has an ack id.
///
///     {"type":"ack","ackId":2,"success":true}
///     {"type":"ack","ackId":2,"success":false,"error":{"name":"Forbidden","message":"…"}}
struct AckMessage: Hashable {
    enum Failure: Hashable {
        case forbidden(Forbidden)
        case duplicate
        case timeout
        case overQuota
        case internalError
    }

    /// What the client may not do.
    enum Forbidden: Hashable {
        case join(AudienceName)
        case leave(AudienceName)
        case send(AudienceName)
        /// The application refused the action.
        case action
    }

    let ackID: UInt64
    /// nil: success.
    let failure: Failure?

    var encoded: ByteBuffer {
        let message = self.failure.map { $0.message(self.ackID) } ?? ""
        var json = ByteBuffer()
        // All other characters take at most 120 bytes.
        json.write(atMost: 120 + JSONEscaping.count(of: message)) { writer in
            writer.write(#"{"type":"ack","ackId":"#)
            writer.write(text: "\(self.ackID)")
            guard let failure else { return writer.write(#","success":true}"#) }
            writer.write(#","success":false,"error":{"name":""#)
            writer.write(text: failure.name)
            writer.write(#"","message":""#)
            JSONEscaping.write(message, to: &writer)
            writer.write(#""}}"#)
        }
        return json
    }
}

extension AckMessage.Failure {
    /// - Parameter failure: of an action with an ack id.
    init(_ failure: ActionFailure) {
        switch failure {
        case .forbidden: self = .forbidden(.action)
        case .duplicate: self = .duplicate
        // The client may retry with the same ack id.
        case .historyFull, .busy, .unreachable: self = .timeout
        case .overQuota: self = .overQuota
        case .tooLarge, .refused, .failed: self = .internalError
        }
    }

    fileprivate var name: String {
        switch self {
        case .forbidden: "Forbidden"
        case .duplicate: "Duplicate"
        case .timeout: "Timeout"
        case .overQuota: "QuotaExceeded"
        case .internalError: "InternalServerError"
        }
    }

    fileprivate func message(_ ackID: UInt64) -> String {
        switch self {
        case .forbidden(.join(let group)): "The client does not have permission to join group '\(group)'."
        case .forbidden(.leave(let group)): "The client does not have permission to leave group '\(group)'."
        case .forbidden(.send(let group)): "The client does not have permission to send to group '\(group)'."
        case .forbidden(.action): "The client does not have permission."
        case .duplicate: "Message with ack-id: \(ackID) has been processed"
        case .timeout: "The message was not confirmed in time"
        case .overQuota: "The hub is over its quota"
        case .internalError: "Internal server error"
        }
    }
}
