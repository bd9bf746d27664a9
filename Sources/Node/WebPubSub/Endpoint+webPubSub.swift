import VolaryBackplane
import VolaryProtocol

/// The client protocols of Web PubSub on one node.
struct PubSubProtocols: Sendable {
    let json = SpokenProtocol(JSONPubSubProtocol(isReliable: false))
    let raw = SpokenProtocol(RawPubSubProtocol())
    /// Of `json.reliable.webpubsub.azure.v1`; nil: not served, because it promises that nothing is lost, and the node has no store for
    /// sessions.
    let reliable: SpokenProtocol?

    var bySubprotocol: [(name: String, spoken: SpokenProtocol)] {
        [(JSONPubSubProtocol.subprotocol, self.json)]
            + (self.reliable.map { [(JSONPubSubProtocol.reliableSubprotocol, $0)] } ?? [])
    }
}

extension Endpoint {
    /// `/client/hubs/{hub}` and the older `/client/?hub={hub}`: clients of Web PubSub.
    static func webPubSub(_ application: any Application, _ protocols: PubSubProtocols) -> [Endpoint] {
        [("/client/hubs", HubChoice.lastSegment), ("/client", .parameter("hub"))].map { path, hub in
            Endpoint(
                path: path,
                hub: hub,
                access: .accessKeys,
                joinsCluster: true,
                standard: protocols.raw,
                subprotocols: protocols.bySubprotocol,
                application: application,
                groupLimits: .maximum
            )
        }
    }

    /// A route to a hub of Web PubSub.
    static func route(
        _ route: ClientRoute,
        to hub: HubName,
        _ application: any Application,
        _ protocols: PubSubProtocols
    ) -> Endpoint {
        let standard =
            switch route.spoken {
            case .raw: protocols.raw
            case .json: protocols.json
            }
        let subprotocols = route.subprotocols.compactMap { name -> (name: String, spoken: SpokenProtocol)? in
            guard name.ends(".webpubsub.azure.v1") else { return (name, standard) }
            return protocols.bySubprotocol.first { $0.name.isSame(name) }
        }
        return Endpoint(
            path: route.path.text,
            hub: .route(route.path, hub),
            access: .accessKeys,
            joinsCluster: true,
            standard: standard,
            subprotocols: subprotocols,
            application: application,
            groupLimits: .maximum
        )
    }
}
