import DequeModule
package import VolaryProtocol

/// One session of a client on this node. A client that resumes its connection gets another one, also on the same node.
package final class SessionHandle: @unchecked Sendable {
    // Unchecked: everything that changes is used on the event loop of `HubSessions` only.

    /// What becomes of a session whose transport is lost.
    package enum Loss: Hashable, Sendable {
        /// The client may resume it.
        case detaches
        /// The client has closed it, or has violated the protocol.
        case removes(reason: String)
    }

    struct Waiting {
        let request: SessionRequest
        /// Until then the request may wait for a subscription: milliseconds since 1970.
        let deadline: Int64
    }

    package let id: ConnectionID
    let client: any SessionClient
    /// In the order of their arrival.
    var waiting: Deque<Waiting> = []
    /// One operation of a session at a time is on its way to the store.
    var isWriting = false
    /// Set when the transport is lost. What was read before is still carried out.
    var loss: Loss?

    init(_ id: ConnectionID, client: any SessionClient) {
        self.id = id
        self.client = client
    }
}
