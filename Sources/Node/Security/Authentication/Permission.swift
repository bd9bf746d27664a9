import HTTPTypes
import VolaryProtocol

/// A permission of a REST caller or a client.
enum Permission: String, CaseIterable, Sendable {
    /// List connections and nodes, read metrics.
    case read
    /// Push messages to clients.
    case send
    /// Close connections, change group membership, drain nodes.
    case manage
    /// For clients only, not for REST: send messages on `/ws` to every client of its hub.
    case broadcast

    /// - Parameter word: from a token's claim.
    init?(_ word: UTF8Text) {
        guard let permission = Self.allCases.first(where: { word == UTF8Text($0.rawValue) }) else { return nil }
        self = permission
    }

    /// The permissions of REST keys.
    static let forREST: Set<Permission> = [.read, .send, .manage]

    /// The permission that a request needs; nil: none.
    ///
    /// Closed by default: every path that is not listed as open needs a permission, even if it does not exist. OPTIONS is open,
    /// because a browser's preflight carries no credentials (Fetch standard).
    /// - Parameter path: still percent-encoded, as the router compares it.
    static func needed(for method: HTTPRequest.Method, _ path: String) -> Permission? {
        // Web PubSub's API checks tokens of its own, and clients may read the history of what they may hear.
        if method == .options || self.isOpen(path) || PubSubAPI.serves(path) { return nil }
        if method == .get || method == .head { return HistoryRoutes.serves(path) ? nil : .read }
        return path.utf8.suffix(5).elementsEqual("/send".utf8) || path == "/api/connections/broadcast" ? .send : .manage
    }

    /// Health checks, content that depends only on the version, and the paths of clients, which have their own checks.
    private static func isOpen(_ path: String) -> Bool {
        switch path {
        case "/", "/livez", "/readyz", "/openapi.json", "/webpubsub.json", "/swagger", "/ws", "/echo", "/events", "/client",
            "/client/":
            true
        default: path.hasPrefix("/swagger/") || path.hasPrefix("/client/hubs/") || path.hasPrefix("/hubs/")
        }
    }
}
