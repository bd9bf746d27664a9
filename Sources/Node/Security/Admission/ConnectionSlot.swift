import NIOHTTP1

/// One accepted socket's share of a node's connection limits. Bound to the socket's event loop.
final class ConnectionSlot {
    /// Why a socket's first request, or a handshake, is refused.
    enum Refusal: Error, Hashable {
        case tooManyConnections
        case tooManyFromAddress
        /// A trusted proxy sent an invalid forwarding header.
        case badForwarding
    }

    private let admission: Admission
    /// The peer's address, or the source address in its PROXY header; nil for a Unix domain socket.
    private(set) var peer: IPAddress?
    /// The address under which the socket is counted.
    private var client: IPAddress?
    private var decision: Admission.Decision
    private var clientDecision = Admission.Decision.within
    private var isReleased = false

    init(in admission: Admission, peer: IPAddress?) {
        self.admission = admission
        self.peer = peer
        self.decision = admission.enter()
        if !self.expectsProxyHeader { self.count(peer) }
    }

    /// Whether the socket must be closed without an answer.
    var isRefused: Bool { self.decision == .refused || self.clientDecision == .refused }

    /// Whether the socket begins with a PROXY header. Only trusted proxies send one.
    var expectsProxyHeader: Bool { self.admission.proxies.speakProxyProtocol && self.isProxied }

    private var isProxied: Bool { self.peer.map(self.admission.proxies.contains) ?? false }

    /// The PROXY header was received.
    func received(_ header: ProxyHeader) {
        self.peer = header.source ?? self.peer
        self.count(self.peer)
    }

    /// Checks the limits for the socket's first request, and for a handshake after other requests. On a proxy's socket, earlier
    /// requests may belong to other clients; only the client of the WebSocket is counted.
    /// - Returns: false when the total limit is exceeded: the request is answered, then the socket is closed.
    /// - Throws: the refusal to answer with.
    func admit(_ request: HTTPRequestHead, asksForWebSocket: Bool) throws(Refusal) -> Bool {
        if asksForWebSocket, self.client == nil, let peer {
            do throws(TrustedProxies.MalformedForwardedHeader) {
                self.enter(try self.admission.proxies.client(of: request, from: peer))
            } catch {
                throw .badForwarding
            }
        }
        guard self.clientDecision == .within else { throw .tooManyFromAddress }
        // Other sockets may have closed in the meantime.
        if self.decision == .over, self.admission.open <= self.admission.maximumConnections { self.decision = .within }
        guard self.decision == .within || !asksForWebSocket else { throw .tooManyConnections }
        return self.decision == .within
    }

    /// The socket is closed.
    func release() {
        guard !self.isReleased else { return }
        self.isReleased = true
        self.admission.release()
        if let client { self.admission.release(client) }
    }

    /// Ends the slot without releasing its counts.
    /// - Returns: the address that is counted, which the caller must release, and the socket, too.
    func detach() -> IPAddress? {
        self.isReleased = true
        return self.client
    }

    /// A trusted proxy's connection may carry many clients, so it is counted by the request instead.
    private func count(_ peer: IPAddress?) {
        guard let peer, !self.isProxied else { return }
        self.enter(peer)
    }

    private func enter(_ client: IPAddress) {
        self.client = client
        self.clientDecision = self.admission.enter(client)
    }
}

@available(*, unavailable)
extension ConnectionSlot: Sendable {}
