import VolaryBackplane
import VolaryProtocol

/// A path for clients: its hub, its client protocols and its application.
final class Endpoint: Sendable {
    /// The result of comparing an endpoint with the target of a request.
    enum Match: Hashable {
        case none
        case hub(HubName)
        /// The path names a hub, and not by a valid name.
        case invalidHub
    }

    /// How a connection gets its hub.
    enum HubChoice: Hashable, Sendable {
        case always(HubName)
        /// The path of the request is the endpoint's, a slash and the name of the hub, percent-encoded.
        case lastSegment
    }

    /// Path of the request target, without the query.
    let path: String
    let hub: HubChoice
    /// Whether its connections join the cluster: REST lists them, and publications reach them.
    let joinsCluster: Bool
    /// Protocol of clients that offer no known WebSocket subprotocol.
    let standard: SpokenProtocol
    /// Protocols by WebSocket subprotocol. Several names may stand for the same protocol.
    let subprotocols: [(name: String, spoken: SpokenProtocol)]
    let application: any Application
    /// How many groups a connection may be in.
    let groupLimits: GroupLimits

    init(
        path: String,
        hub: HubChoice = .always(.default),
        joinsCluster: Bool,
        standard: SpokenProtocol,
        subprotocols: [(name: String, spoken: SpokenProtocol)],
        application: any Application,
        groupLimits: GroupLimits = .standard
    ) {
        self.path = path
        self.hub = hub
        self.joinsCluster = joinsCluster
        self.standard = standard
        self.subprotocols = subprotocols
        self.application = application
        self.groupLimits = groupLimits
    }

    /// - Parameter target: path and query of a request. Paths are compared byte for byte.
    func match(target: String) -> Match {
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        switch self.hub {
        case .always(let hub): return path.elementsEqual(self.path.utf8) ? .hub(hub) : .none
        case .lastSegment:
            guard path.starts(with: self.path.utf8) else { return .none }
            let rest = path.dropFirst(self.path.utf8.count)
            guard rest.first == UInt8(ascii: "/"), !rest.dropFirst().contains(UInt8(ascii: "/")) else { return .none }
            let name = PercentEncoding.decode(Substring(rest.dropFirst())).flatMap { HubName($0.string) }
            return name.map(Match.hub) ?? .invalidHub
        }
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
