/// The origins, besides the node's own, whose pages may open WebSockets or use the API.
public enum AllowedOrigins: Hashable, Sendable {
    /// Empty: none.
    case these(Set<Origin>)
    case all

    /// - Parameter text: `*`, or origins such as `https://app.example.org,capacitor://localhost`; spaces may follow a comma.
    /// - Returns: nil when one of them is not a valid origin.
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

    /// Whether a request is same-origin: its `Origin` has the request's `Host` and one of the schemes http, https, ws, wss. The
    /// scheme itself is not compared, because behind a proxy that terminates TLS the node does not know it.
    /// - Parameter host: the value of the request's `Host`.
    static func isOwn(_ origin: String, host: String) -> Bool {
        guard let origin = Origin(origin) else { return false }
        let scheme = String(decoding: origin.scheme, as: UTF8.self)
        return ["http", "https", "ws", "wss"].contains(scheme) && Origin("\(scheme)://\(host)") == origin
    }
}
