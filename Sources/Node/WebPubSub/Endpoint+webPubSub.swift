import VolaryBackplane
import VolaryProtocol

extension Endpoint {
    /// `/client/hubs/{hub}` and the older `/client/?hub={hub}`: clients of Web PubSub.
    ///
    /// `json.reliable.webpubsub.azure.v1` is not served. It promises that nothing is lost, which no session of this node keeps.
    static func webPubSub(_ application: any Application) -> [Endpoint] {
        let json = SpokenProtocol(JSONPubSubProtocol(isReliable: false))
        let raw = SpokenProtocol(RawPubSubProtocol())
        return [("/client/hubs", HubChoice.lastSegment), ("/client", .parameter("hub"))].map { path, hub in
            Endpoint(
                path: path,
                hub: hub,
                access: .accessKeys,
                joinsCluster: true,
                standard: raw,
                subprotocols: [(JSONPubSubProtocol.subprotocol, json)],
                application: application,
                groupLimits: .maximum
            )
        }
    }
}
