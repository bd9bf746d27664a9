/// Whose pages may do something, beside the node's own: open WebSockets, or use the API.
public enum AllowedOrigins: Hashable, Sendable {
    /// Empty: nobody's.
    case these(Set<Origin>)
    case all

    /// - Parameter text: `*`, or origins such as `https://app.example.org,capacitor://localhost`; spaces may follow a comma.
    /// - Returns: nil when one of them is no origin.
    public init?(_ text: String) {
        if text.utf8.elementsEqual("*".utf8) {
            self = .all
            return
        }
        var origins: Set<Origin> = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let origin = Origin(Substring(part.drop { $0 == UInt8(ascii: " ") })) else { return nil }
            origins.insert(origin)
        }
        self = .these(origins)
    }

    /// - Parameter origin: the value of a request's `Origin`.
    func contains(_ origin: String) -> Bool {
        switch self {
        case .all: true
        case .these(let origins): Origin(origin).map(origins.contains) ?? false
        }
    }

    /// Whether a page comes from the place that it talks to, or a WebSocket library says so of itself. Whether it is encrypted is not compared:
    /// behind a proxy that ends TLS, it is not known here.
    /// - Parameter host: the value of the request's `Host`.
    static func isOwn(_ origin: String, host: String) -> Bool {
        guard let origin = Origin(origin) else { return false }
        let scheme = String(decoding: origin.scheme, as: UTF8.self)
        return ["http", "https", "ws", "wss"].contains(scheme) && Origin("\(scheme)://\(host)") == origin
    }
}
