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
            joinsCluster: self.joinsCluster,
            standard: self.standard,
            subprotocols: self.subprotocols,
            application: application
        )
    }
}

extension WebSocketHandshake.Client {
    /// The protocol of a client that offers no subprotocol.
    init(endpoint: Endpoint, user: AudienceName? = nil, compression: NegotiatedDeflate? = nil) {
        self.init(endpoint: endpoint, spoken: endpoint.standard, user: user, compression: compression)
    }
}
