import NIOHTTP1
import VolaryProtocol

/// The steps between a valid handshake and its answer: authenticates the client, and reserves the topics of its hub,
/// user and groups.
struct WebSocketAdmission: Sendable {
    /// A client that has been admitted. A class, because it is only kept until the connection is open.
    final class AdmittedClient: Sendable {
        /// The handshake, with the data of the client's token.
        let client: WebSocketHandshake.Client
        /// nil for a client of the default hub without a user and groups.
        let reservation: TopicReservation?

        init(client: WebSocketHandshake.Client, reservation: TopicReservation? = nil) {
            self.client = client
            self.reservation = reservation
        }
    }

    let access: WebSocketAuthenticator
    /// As ``TopicInterest/reserve(_:)``.
    let reserve: @Sendable ([Topic]) async -> TopicReservation

    /// Whether ``admit(_:_:)`` may have to wait. If false, every client is admitted at once.
    func needsTime(for client: WebSocketHandshake.Client) -> Bool {
        self.access.needsTime || !client.topics.isEmpty
    }

    /// - Returns: the admitted client. After a cancellation its reservation holds no topics.
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
    /// The topics whose publications the client receives, besides the one to which the node is always subscribed.
    fileprivate var topics: [Topic] {
        guard self.endpoint.joinsCluster else { return [] }
        return Topic.joined(in: self.hub, by: self.user) + self.groups.map { .group(self.hub, $0) }
    }
}
