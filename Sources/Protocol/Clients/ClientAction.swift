/// What a client asks for, whatever its protocol.
public struct ClientAction: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A message. The application decides whom it is for.
        case message(ClientMessage)
    }

    public let kind: Kind
    /// The client's number for it, where it wants to be told what became of it.
    public let ackID: UInt64?

    public init(_ kind: Kind, ackID: UInt64? = nil) {
        self.kind = kind
        self.ackID = ackID
    }
}
