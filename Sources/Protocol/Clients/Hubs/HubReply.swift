/// A record for one client of a hub, in any protocol of hub clients. Calls for several clients are publications (``HubInvocation``).
public enum HubReply: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case void
        case value(HubData)
        /// The stream has ended.
        case end
        /// For the client: SignalR's text.
        case failure(String)
    }

    /// The next item of the stream that a call has asked for.
    case item(AckID, HubData)
    /// The end of a call.
    case completion(AckID, Outcome)
    /// A call of a method of the client, which answers with ``HubRequest/completion(_:_:)`` and this id.
    case invocation(id: AckID, target: String, arguments: [HubData])
}
