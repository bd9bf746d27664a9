import HTTPTypes
import VolaryProtocol

/// What somebody may do.
enum Permission: String, CaseIterable, Sendable {
    /// Who is connected, the nodes, the metrics.
    case read
    /// Messages to clients.
    case send
    /// Closing connections, group membership, draining.
    case manage
    /// Of a client, and of nothing in REST: messages on its WebSocket to every client of the cluster.
    case broadcast

    /// - Parameter word: of a token.
    init?(_ word: UTF8Text) {
        guard let permission = Self.allCases.first(where: { word == UTF8Text($0.rawValue) }) else { return nil }
        self = permission
    }

    /// Those that a REST call may need.
    static let forREST: Set<Permission> = [.read, .send, .manage]

    /// What a request needs; nil: nothing, it is open to everybody.
    ///
    /// Closed by default: a path that is not named here needs a permission, also one that does not exist. A page's preflight comes without
    /// credentials (Fetch standard), so OPTIONS is open.
    /// - Parameter path: as it came, still percent-encoded: the router does not decode what it compares either.
    static func needed(for method: HTTPRequest.Method, _ path: String) -> Permission? {
        if method == .options || self.isOpen(path) { return nil }
        if method == .get || method == .head { return .read }
        return path.utf8.suffix(5).elementsEqual("/send".utf8) || path == "/api/connections/broadcast" ? .send : .manage
    }

    /// Health, what is the same on every node of the version, and the places of WebSockets, which have their own rules.
    private static func isOpen(_ path: String) -> Bool {
        switch path {
        case "/", "/livez", "/readyz", "/openapi.json", "/swagger", "/ws", "/echo": true
        default: path.hasPrefix("/swagger/")
        }
    }
}
