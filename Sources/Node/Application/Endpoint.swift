import VolaryProtocol

/// A path that clients connect to: what may be spoken there, and the application behind it.
final class Endpoint: Sendable {
    /// As in the request's target, without the query.
    let path: String
    /// Whether its connections are members of the cluster: listed, and reached by publications.
    let joinsCluster: Bool
    /// Of clients that offer no WebSocket subprotocol that is spoken here.
    let standard: SpokenProtocol
    /// By WebSocket subprotocol. Several names may be the same protocol.
    let subprotocols: [(name: String, spoken: SpokenProtocol)]
    let application: any Application

    init(
        path: String,
        joinsCluster: Bool,
        standard: SpokenProtocol,
        subprotocols: [(name: String, spoken: SpokenProtocol)],
        application: any Application
    ) {
        self.path = path
        self.joinsCluster = joinsCluster
        self.standard = standard
        self.subprotocols = subprotocols
        self.application = application
    }

    /// - Parameter target: of a request: path and query. Paths are compared byte for byte.
    func isAsked(byTarget target: String) -> Bool {
        target.utf8.prefix { $0 != UInt8(ascii: "?") }.elementsEqual(self.path.utf8)
    }

    /// - Parameter offered: WebSocket subprotocols, in the client's order. Names are compared byte for byte.
    /// - Returns: the first that is spoken here; else what is spoken without one.
    func choose(of offered: [String]) -> (name: String?, spoken: SpokenProtocol) {
        for name in offered {
            if let known = self.subprotocols.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                return (known.name, known.spoken)
            }
        }
        return (nil, self.standard)
    }
}

/// By its path: a node has one endpoint for each.
extension Endpoint: Hashable {
    static func == (left: Endpoint, right: Endpoint) -> Bool { left.path == right.path }

    func hash(into hasher: inout Hasher) { hasher.combine(self.path) }
}
