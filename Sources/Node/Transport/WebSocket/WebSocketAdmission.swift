import NIOHTTP1
import VolaryProtocol

/// What is found out and prepared before a good handshake is answered: who the client is, and that what is pushed to it arrives
/// here.
struct WebSocketAdmission: Sendable {
    /// A client that may come in. An object, since it is kept only until its connection stands.
    final class AdmittedClient: Sendable {
        /// With what its token says of it.
        let client: WebSocketHandshake.Client
        /// Nil: it has no user and no groups.
        let reservation: TopicReservation?

        init(client: WebSocketHandshake.Client, reservation: TopicReservation? = nil) {
            self.client = client
            self.reservation = reservation
        }
    }

    let access: WebSocketAuthenticator
    /// As ``TopicInterest/reserve(_:)``.
    let reserve: @Sendable ([Topic]) async -> TopicReservation

    /// Whether ``admit(_:_:)`` may have to wait for something; else everybody may come in.
    func needsTime(for client: WebSocketHandshake.Client) -> Bool {
        self.access.needsTime || !client.topics.isEmpty
    }

    /// - Returns: also when cancelled: a client is let in without its reservation then.
    func admit(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client
    ) async throws(WebSocketHandshake.Refusal) -> AdmittedClient {
        let client = try await self.access.admit(request, client)
        let topics = client.topics
        return AdmittedClient(client: client, reservation: topics.isEmpty ? nil : await self.reserve(topics))
    }
}

extension WebSocketHandshake.Client {
    /// What is published to one of these is for the client, too.
    fileprivate var topics: [Topic] {
        guard self.endpoint.joinsCluster else { return [] }
        return (self.user.map { [Topic.user($0)] } ?? []) + self.groups.map(Topic.group)
    }
}
