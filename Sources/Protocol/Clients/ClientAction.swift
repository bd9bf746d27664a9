/// A request of a client, in any client protocol.
public struct ClientAction: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A message. The application decides who gets it.
        case message(ClientMessage)
    }

    public let kind: Kind
    /// The client's id for the action, if the client wants to be told the result.
    public let ackID: AckID?

    public init(_ kind: Kind, ackID: AckID? = nil) {
        self.kind = kind
        self.ackID = ackID
    }
}
