import VolaryProtocol

extension Endpoint {
    /// The WebSocket subprotocol of both the plain protocol and the echo. A browser that sends its token as a subprotocol
    /// offers this one in addition, because it rejects an answer that selects none.
    static let standardSubprotocol = "volary"

    /// `/ws`: joins the cluster, and relays messages.
    /// - Parameter more: additional WebSocket subprotocols.
    static func plain(
        _ application: any Application,
        precision: Timestamp.Precision,
        more: [(name: String, base: any ClientProtocol)] = []
    ) -> Endpoint {
        let plain = SpokenProtocol(PlainProtocol(precision: precision))
        return Endpoint(
            path: "/ws",
            joinsCluster: true,
            standard: plain,
            subprotocols: [(self.standardSubprotocol, plain)] + more.map { ($0.name, SpokenProtocol($0.base)) },
            application: application
        )
    }

    /// `/echo`: does not join the cluster.
    static func echo(_ application: any Application) -> Endpoint {
        let echo = SpokenProtocol(EchoProtocol())
        return Endpoint(
            path: "/echo",
            joinsCluster: false,
            standard: echo,
            subprotocols: [(self.standardSubprotocol, echo)],
            application: application
        )
    }
}
