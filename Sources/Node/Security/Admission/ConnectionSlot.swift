import NIOHTTP1

/// One accepted socket's place among a node's connections. Bound to the socket's event loop.
final class ConnectionSlot {
    /// Why a socket's first request, or a handshake, is answered with a refusal.
    enum Refusal: Error, Hashable {
        case tooManyConnections
        case tooManyFromAddress
        /// A trusted proxy does not say whose request it is.
        case badForwarding
    }

    private let admission: Admission
    /// Who is at the other end, or whom a proxy named in its PROXY header; nil for a socket of the file system.
    private(set) var peer: IPAddress?
    /// Under which the socket is counted.
    private var client: IPAddress?
    private var standing: Admission.Decision
    private var clientStanding = Admission.Decision.within
    private var isLeft = false

    init(in admission: Admission, peer: IPAddress?) {
        self.admission = admission
        self.peer = peer
        self.standing = admission.enter()
        if !self.expectsProxyHeader { self.count(peer) }
    }

    /// Whether the socket is to be closed without a word.
    var isRefused: Bool { self.standing == .refused || self.clientStanding == .refused }

    /// Whether the socket's first bytes are a PROXY header: only a trusted proxy's are.
    var expectsProxyHeader: Bool { self.admission.proxies.speakProxyProtocol && self.isProxied }

    private var isProxied: Bool { self.peer.map(self.admission.proxies.contains) ?? false }

    /// The PROXY header has come.
    func received(_ header: ProxyHeader) {
        self.peer = header.source ?? self.peer
        self.count(self.peer)
    }

    /// Judges the socket's first request, and a handshake that comes behind others: on a proxy's socket, those may have been other clients',
    /// and only the client of the WebSocket is counted.
    /// - Returns: whether there is room; without it, a request is answered and the socket closed.
    /// - Throws: what to answer instead.
    func judge(_ request: HTTPRequestHead, asksForWebSocket: Bool) throws(Refusal) -> Bool {
        if asksForWebSocket, self.client == nil, let peer {
            do throws(TrustedProxies.MalformedForwardedHeader) {
                self.enter(try self.admission.proxies.client(of: request, from: peer))
            } catch {
                throw .badForwarding
            }
        }
        guard self.clientStanding == .within else { throw .tooManyFromAddress }
        // Others may have gone since.
        if self.standing == .over, self.admission.open <= self.admission.maximumConnections { self.standing = .within }
        guard self.standing == .within || !asksForWebSocket else { throw .tooManyConnections }
        return self.standing == .within
    }

    /// The socket is closed.
    func leave() {
        guard !self.isLeft else { return }
        self.isLeft = true
        self.admission.leave()
        if let client { self.admission.leave(client) }
    }

    /// A trusted proxy's own connections are many clients', and counted by its requests.
    private func count(_ peer: IPAddress?) {
        guard let peer, !self.isProxied else { return }
        self.enter(peer)
    }

    private func enter(_ client: IPAddress) {
        self.client = client
        self.clientStanding = self.admission.enter(client)
    }
}

@available(*, unavailable)
extension ConnectionSlot: Sendable {}
