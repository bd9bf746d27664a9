package import VolaryProtocol

/// The client of one session, between its claim and its end on this node. Called on the event loop of ``HubSessions``, in order.
package protocol SessionClient: AnyObject, Sendable {
    /// What the client may do from now on, as the session's record has it.
    func permissionsChanged(_ permissions: Set<UTF8Text>)
    /// The session is followed no longer: nothing more is delivered, and nothing of what the client sends counts.
    func ended(_ ending: SessionEnding)
}

/// How the transport of a client ends with its session.
package enum SessionEnding: Hashable, Sendable {
    /// The client cannot resume the connection.
    case unrecoverable
    /// The client may resume the connection, or has done so elsewhere.
    case cut
    /// Closed by REST or an application, with this text.
    case closed(reason: String)
}

/// The clients of a hub's sessions on this node. Called on the event loop of ``HubSessions``, in order.
package protocol SessionHost: Sendable {
    func deliver(_ deliveries: [SessionDelivery])
    /// A publication that wants receipts was delivered to this number of sessions. Called once for each that this node heard.
    func delivered(_ id: PublicationID, to count: UInt32)
    /// A session has ended, and its client is told that it cannot resume the connection.
    func sessionFailed(_ failure: SessionFailure)
    /// The store has lost operations that it had confirmed, and that the node cannot send again.
    func operationsLost(_ count: UInt64)
}

/// A client that gets a publication, with the number that this has in its connection.
package struct SessionReceiver: Hashable, Sendable {
    package let client: any SessionClient
    package let sequence: UInt64

    package init(client: any SessionClient, sequence: UInt64) {
        self.client = client
        self.sequence = sequence
    }

    package static func == (left: SessionReceiver, right: SessionReceiver) -> Bool {
        left.client === right.client && left.sequence == right.sequence
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(self.client))
        hasher.combine(self.sequence)
    }
}

/// A publication for clients.
package struct SessionDelivery: Sendable {
    package let publication: HubPublication
    package let receivers: [SessionReceiver]

    package init(publication: HubPublication, receivers: [SessionReceiver]) {
        self.publication = publication
        self.receivers = receivers
    }
}
