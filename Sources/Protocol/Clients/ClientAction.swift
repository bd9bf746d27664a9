/// A request of a client, in any client protocol.
public struct ClientAction: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A message. The application decides who gets it.
        case message(ClientMessage)
        /// To become a member of a group. Without effect on a member.
        case join(AudienceName)
        /// To be no member of a group any more. Without effect if the client is none.
        case leave(AudienceName)
        /// A message to a group. Indirect, as the event: every step of every protocol would have their size.
        indirect case send(GroupSend)
        /// An event for the application. An answer is a publication to this connection, before the result.
        indirect case event(ClientEvent)
        /// A record of a client of a hub.
        indirect case hub(HubRequest)
    }

    public let kind: Kind
    /// The client's id for the action, if the client wants to be told the result.
    public let ackID: AckID?

    public init(_ kind: Kind, ackID: AckID? = nil) {
        self.kind = kind
        self.ackID = ackID
    }
}
