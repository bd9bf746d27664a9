import VolaryProtocol

/// What a client asked for as it connected, beyond what its ``Connection`` keeps.
struct ConnectRequest {
    /// To be joined before the connection is listed.
    let groups: Set<AudienceName>
    /// Of its user's topic and those of its groups. Nil when it has none.
    let reservation: TopicReservation?
    /// Whether its first message is to say who it is.
    let wantsWelcome: Bool

    init(_ admitted: WebSocketAdmission.AdmittedClient) {
        self.groups = admitted.client.groups
        self.reservation = admitted.reservation
        self.wantsWelcome = admitted.client.wantsWelcome
    }
}
