import VolaryProtocol

extension Endpoint {
    /// The plain protocol and the echo by their WebSocket subprotocol. A browser that sends its token as a subprotocol offers
    /// this one beside it, and would take no answer without a choice.
    static let standardSubprotocol = "volary"

    /// `/ws`: a member of the cluster, whose messages are relayed.
    /// - Parameter more: further WebSocket subprotocols that are spoken there.
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

    /// `/echo`: talks only with itself.
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
