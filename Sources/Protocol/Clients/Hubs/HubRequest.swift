/// A record of a client of a hub, in any protocol of hub clients.
///
/// Ids are the client's, except in the result of a call that the node has asked the client for (``HubReply/invocation(id:_:_:)``).
public enum HubRequest: Hashable, Sendable {
    /// A call of a method of the hub.
    public struct Call: Hashable, Sendable {
        /// What the client expects of the method.
        public enum Kind: Hashable, Sendable {
            /// One result.
            case invocation
            /// A stream of items.
            case stream
            /// What the method gives.
            case either
        }

        public let kind: Kind
        /// nil: the client wants no answer, not even an error.
        public let id: AckID?
        public let target: UTF8Text
        public let arguments: [HubData]
        /// Ids of the streams that the client uploads with the call.
        public let uploads: [AckID]

        public init(_ kind: Kind, id: AckID?, target: UTF8Text, arguments: [HubData], uploads: [AckID] = []) {
            self.kind = kind
            self.id = id
            self.target = target
            self.arguments = arguments
            self.uploads = uploads
        }
    }

    /// The client's handshake is complete, and its answer is sent before anything else. Only for a session whose
    /// ``ClientSession/hubFormat`` was nil at first.
    case opened
    case call(Call)
    /// The end of a call that the client does not want any more. It gets the end of the call nevertheless.
    case cancel(AckID)
    /// An item of a stream that the client uploads.
    case item(AckID, HubData)
    /// The end of such a stream, or the result of a call that the node has asked for.
    case completion(AckID, Outcome)

    /// How something that the client does has ended.
    public enum Outcome: Hashable, Sendable {
        /// nil: without a value.
        case value(HubData?)
        /// The client's text.
        case failure(UTF8Text)
    }
}
