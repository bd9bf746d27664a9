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
        /// The path of the request is the endpoint's, perhaps with a slash behind it, and a parameter of the query is the hub.
        case parameter(String)
        /// The path of the request is that of a route to the hub.
        case route(RoutePath, HubName)
    }

    /// Who may connect.
    enum Access: Hashable, Sendable {
        /// Clients with a token of the node's token keys, from the node's own origin.
        case tokenKeys
        /// Clients of Web PubSub: with a token of one of the access keys, from any origin. Names of subprotocols are compared without
        /// regard to case, and close codes are those that these clients know.
        case accessKeys
        /// Readers of event streams: with a token of either kind (``EventStreamAuthenticator``).
        case readers
    }

    /// Path of the request target, without the query.
    let path: String
    let hub: HubChoice
    let access: Access
    /// Whether its connections join the cluster: REST lists them, and publications reach them.
    let joinsCluster: Bool
    /// Protocol of clients that offer no known WebSocket subprotocol.
    let standard: SpokenProtocol
    /// Protocols by WebSocket subprotocol. Several names may stand for the same protocol.
    let subprotocols: [(name: String, spoken: SpokenProtocol)]
    /// What clients of the standard protocol speak after their handshake, if it chooses: SignalR. Such clients may negotiate first, and the
    /// endpoint's path with `/negotiate` behind it is for that.
    let chosen: [HubFormat: SpokenProtocol]
    let application: any Application
    /// How many groups a connection may be in.
    let groupLimits: GroupLimits
    /// Whether a client without a user is refused.
    let requiresUser: Bool
    /// Whether the application gets the claims of the client's token.
    let keepsClaims: Bool

    init(
        path: String,
        hub: HubChoice = .always(.default),
        access: Access = .tokenKeys,
        joinsCluster: Bool,
        standard: SpokenProtocol,
        subprotocols: [(name: String, spoken: SpokenProtocol)],
        chosen: [HubFormat: SpokenProtocol] = [:],
        application: any Application,
        groupLimits: GroupLimits = .standard,
        requiresUser: Bool = false,
        keepsClaims: Bool = false
    ) {
        self.path = path
        self.hub = hub
        self.access = access
        self.joinsCluster = joinsCluster
        self.standard = standard
        self.subprotocols = subprotocols
        self.chosen = chosen
        self.application = application
        self.groupLimits = groupLimits
        self.requiresUser = requiresUser
        self.keepsClaims = keepsClaims
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
        case .parameter(let name):
            guard path.starts(with: self.path.utf8) else { return .none }
            let rest = path.dropFirst(self.path.utf8.count)
            guard rest.isEmpty || rest.elementsEqual("/".utf8) else { return .none }
            let hub = HandshakeQuery.parameters(ofTarget: target)[UTF8Text(name)].flatMap { HubName($0.string) }
            return hub.map(Match.hub) ?? .invalidHub
        case .route(let path, let hub): return path.match(target: target).isMatch ? .hub(hub) : .none
        }
    }

    /// The user that the path of a request names, still percent-encoded; nil for none.
    func user(inTarget target: String) -> Substring? {
        if case .route(let path, _) = self.hub { path.match(target: target).user } else { nil }
    }

    /// - Parameter offered: WebSocket subprotocols in the client's order.
    /// - Returns: the first subprotocol that is known, in the client's spelling; otherwise no name and the standard protocol.
    func choose(of offered: [String]) -> (name: String?, spoken: SpokenProtocol) {
        for name in offered {
            if let known = self.subprotocols.first(where: { self.isSame($0.name, name) }) { return (name, known.spoken) }
        }
        return (nil, self.standard)
    }

    private func isSame(_ known: String, _ offered: String) -> Bool {
        switch self.access {
        case .tokenKeys, .readers: known.utf8.elementsEqual(offered.utf8)
        case .accessKeys: known.isSame(offered)
        }
    }
}

/// Compared by path, because a node has one endpoint per path.
extension Endpoint: Hashable {
    static func == (left: Endpoint, right: Endpoint) -> Bool { left.path == right.path }

    func hash(into hasher: inout Hasher) { hasher.combine(self.path) }
}
