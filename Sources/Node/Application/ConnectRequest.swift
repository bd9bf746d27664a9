import VolaryProtocol

/// Properties of a handshake that are needed once, when the connection opens.
struct ConnectRequest {
    /// What the client was told about its id before it connected.
    private let id: ConnectionID?
    /// Groups to join before the connection is listed.
    let groups: Set<AudienceName>
    /// Reserves the topics of the hub, the user and the groups. nil for a client of the default hub without a user and groups.
    let reservation: TopicReservation?
    /// Whether the client asked for a welcome message.
    let wantsWelcome: Bool
    /// Whether the client wants to resume a connection.
    let resumes: Bool
    /// Of a client with a resumable connection.
    let session: SessionTicket?
    /// The WebSocket subprotocol; nil for none.
    let subprotocol: String?
    /// The state and the cookies that the connect handler has set.
    let handlerState: String?
    let handlerCookies: HandlerCookies
    /// Of the token of a hub's client.
    let claims: JSONValue?

    init(_ admitted: WebSocketAdmission.AdmittedClient) {
        self.id = admitted.client.id
        self.groups = admitted.client.groups
        self.reservation = admitted.reservation
        self.wantsWelcome = admitted.client.wantsWelcome
        self.resumes = admitted.client.resumes
        self.session = admitted.session
        self.subprotocol = admitted.client.subprotocol
        self.handlerState = admitted.client.handlerState
        self.handlerCookies = admitted.client.handlerCookies
        self.claims = admitted.client.claims
    }
    /// Whether another connection of the node got the id first, so that the client's has another one.
    func lost(_ id: ConnectionID) -> Bool { self.id.map { $0.isRoaming && $0 != id } ?? false }
}
