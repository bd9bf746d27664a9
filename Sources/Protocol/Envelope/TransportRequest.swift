public import NIOCore

/// What the client of a connection has sent to another node than the connection's own: SignalR over HTTP requests. On the topic of the
/// connection, or of its node. Not logged: a client waits for the answer.
public struct TransportRequest: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        /// Takes what the client has posted.
        case post(ByteBuffer)
        /// Answers with what waits for the client, or waits for it.
        case poll
        /// Ends the connection.
        case delete
        /// The client of this poll is gone. No answer.
        case abandon
        /// Whether the answer of this poll has been written to the client. No answer.
        case written(Bool)
    }

    /// Of the request. ``Action/abandon`` and ``Action/written(_:)`` have that of their poll.
    public let id: PublicationID
    public let hub: HubName
    public let connection: ConnectionID
    /// The user of the request's own token; nil for a request without one.
    public let user: AudienceName?
    public let action: Action

    public init(id: PublicationID, hub: HubName, connection: ConnectionID, user: AudienceName?, action: Action) {
        self.id = id
        self.hub = hub
        self.connection = connection
        self.user = user
        self.action = action
    }

    /// What is told about a request under its id, without an answer: ``Action/abandon`` or ``Action/written(_:)``.
    public func followedBy(_ action: Action) -> TransportRequest {
        TransportRequest(id: self.id, hub: self.hub, connection: self.connection, user: nil, action: action)
    }
}

/// The answer to a ``TransportRequest``, on the topic of the node that sent it. Not logged.
public struct TransportAnswer: Hashable, Sendable {
    public enum Outcome: UInt8, Hashable, Sendable, CaseIterable {
        /// The node has the connection and the request. Another answer follows.
        case accepted = 1
        /// To a post: its bytes are in the connection's input, or have been handled.
        case taken = 2
        /// To a poll: what waited for the client; nothing at the end of the time for a poll.
        case data = 3
        /// To a poll: a later poll takes its place, or the connection has ended.
        case over = 4
        /// To a request to end the connection.
        case deleted = 5
        /// The node has no such connection in the hub.
        case unknown = 6
        /// The request has a token of another user than the connection.
        case otherUser = 7
        /// The connection is a WebSocket.
        case isWebSocket = 8
        /// The connection is an event stream.
        case isEventStream = 9
        /// A record is longer than the limit. The connection ends.
        case tooLarge = 10
        /// Too much of the client waits already.
        case tooMany = 11
        /// The connection was cut.
        case failed = 12
    }

    /// Of the request.
    public let id: PublicationID
    public let outcome: Outcome
    /// Of ``Outcome/data``.
    public let body: ByteBuffer

    public init(id: PublicationID, outcome: Outcome, body: ByteBuffer = ByteBuffer()) {
        self.id = id
        self.outcome = outcome
        self.body = body
    }
}
