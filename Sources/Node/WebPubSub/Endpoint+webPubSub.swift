import VolaryBackplane
import VolaryProtocol

extension Endpoint {
    /// `/client/hubs/{hub}` and the older `/client/?hub={hub}`: clients of Web PubSub.
    ///
    /// - Parameter reliable: `json.reliable.webpubsub.azure.v1`; nil: not served, because it promises that nothing is lost, and the
    ///   node has no store for sessions.
    static func webPubSub(_ application: any Application, reliable: SpokenProtocol? = nil) -> [Endpoint] {
        let json = SpokenProtocol(JSONPubSubProtocol(isReliable: false))
        let raw = SpokenProtocol(RawPubSubProtocol())
        return [("/client/hubs", HubChoice.lastSegment), ("/client", .parameter("hub"))].map { path, hub in
            Endpoint(
                path: path,
                hub: hub,
                access: .accessKeys,
                joinsCluster: true,
                standard: raw,
                subprotocols: [(JSONPubSubProtocol.subprotocol, json)]
                    + (reliable.map { [(JSONPubSubProtocol.reliableSubprotocol, $0)] } ?? []),
                application: application,
                groupLimits: .maximum
            )
        }
    }
}
