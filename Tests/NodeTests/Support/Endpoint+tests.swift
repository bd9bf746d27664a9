import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

extension Endpoint {
    /// `/ws` and `/echo` without an application.
    static let plain = Endpoint.plain(ClosureApplication(), precision: .seconds)
    static let echo = Endpoint.echo(ClosureApplication())

    /// The same path and protocols with another application.
    func with(_ application: any Application) -> Endpoint {
        Endpoint(
            path: self.path,
            hub: self.hub,
            joinsCluster: self.joinsCluster,
            standard: self.standard,
            subprotocols: self.subprotocols,
            application: application,
            groupLimits: self.groupLimits
        )
    }

    /// `/hubs/{hub}`: as `/ws`, in any hub, with the most groups.
    static func hubs(_ application: any Application) -> Endpoint {
        let plain = SpokenProtocol(PlainProtocol(precision: .seconds))
        return Endpoint(
            path: "/hubs",
            hub: .lastSegment,
            joinsCluster: true,
            standard: plain,
            subprotocols: [],
            application: application,
            groupLimits: .maximum
        )
    }
}

extension PubSubAuthenticator {
    /// Of a node without access keys.
    static let closed = PubSubAuthenticator(keys: nil, now: { 0 })
}

extension WebSocketHandshake.Client {
    /// The protocol of a client that offers no subprotocol.
    init(
        endpoint: Endpoint,
        hub: HubName = .default,
        user: AudienceName? = nil,
        compression: NegotiatedDeflate? = nil
    ) {
        self.init(endpoint: endpoint, hub: hub, spoken: endpoint.standard, user: user, compression: compression)
    }
}
