import NIOCore
import NIOHTTP1
import VolaryProtocol

/// Decides whether a client may read an event stream, and of which groups.
///
/// A token of Web PubSub opens the hub that it is for. A token of the node's token keys opens the hub of `/ws`. Without credentials in the
/// configuration, every client may read everything.
struct EventStreamAuthenticator: Sendable {
    let access: WebSocketAuthenticator
    let pubSub: PubSubAuthenticator

    /// - Parameter client: with the groups that it asks for; none: those of its token.
    /// - Returns: the client with the user of its token, and its groups.
    func admit(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        on eventLoop: any EventLoop
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        guard self.access.needsTime else {
            try self.access.checkOrigin(request)
            return client
        }
        let wanted = client.groups
        var admitted = client
        admitted.groups = []
        if let member = try await self.member(request, admitted, on: eventLoop) {
            admitted = member
        } else {
            try self.access.checkOrigin(request)
            admitted = try await self.access.admit(request, admitted)
            guard client.hub.isDefault else { throw .hubNotPermitted }
        }
        guard !wanted.isEmpty else { return admitted }
        guard wanted.allSatisfy({ admitted.groups.contains($0) || admitted.permissions.allows(.joinLeaveGroup, $0) }) else {
            throw .groupNotPermitted
        }
        admitted.groups = wanted
        return admitted
    }

    /// - Returns: the client of a token of Web PubSub; nil when the request may have another token, or needs none.
    private func member(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        on eventLoop: any EventLoop
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client? {
        guard self.pubSub.keys != nil else { return nil }
        do throws(WebSocketHandshake.Refusal) {
            let member = try await self.pubSub.admit(request, client, on: eventLoop)
            // As for the other clients of Web PubSub: the token is in the URL, so pages of any origin may have it.
            if self.access.origins != nil { try self.access.checkOrigin(request) }
            return member
        } catch .unauthorized(.missing) {
            return nil
        } catch .unauthorized(let error) {
            guard self.access.tokens != nil else { throw .unauthorized(error) }
            return nil
        } catch {
            throw error
        }
    }
}
