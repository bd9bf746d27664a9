import VolaryProtocol

/// A path for clients: its client protocols and its application.
final class Endpoint: Sendable {
    /// Path of the request target, without the query.
    let path: String
    /// Whether its connections join the cluster: REST lists them, and publications reach them.
    let joinsCluster: Bool
    /// Protocol of clients that offer no known WebSocket subprotocol.
    let standard: SpokenProtocol
    /// Protocols by WebSocket subprotocol. Several names may stand for the same protocol.
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

    /// - Parameter target: path and query of a request. Paths are compared byte for byte.
    func isAsked(byTarget target: String) -> Bool {
        target.utf8.prefix { $0 != UInt8(ascii: "?") }.elementsEqual(self.path.utf8)
    }

    /// - Parameter offered: WebSocket subprotocols in the client's order. Names are compared byte for byte.
    /// - Returns: the first subprotocol that is known; otherwise no name and the standard protocol.
    func choose(of offered: [String]) -> (name: String?, spoken: SpokenProtocol) {
        for name in offered {
            if let known = self.subprotocols.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                return (known.name, known.spoken)
            }
        }
        return (nil, self.standard)
    }
}

/// Compared by path, because a node has one endpoint per path.
extension Endpoint: Hashable {
    static func == (left: Endpoint, right: Endpoint) -> Bool { left.path == right.path }

    func hash(into hasher: inout Hasher) { hasher.combine(self.path) }
}
