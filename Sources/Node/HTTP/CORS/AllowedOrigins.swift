/// Whose pages may read what the API answers, in a browser.
public enum AllowedOrigins: Hashable, Sendable {
    /// As browsers write them: scheme and host in lower case, a port only where it is not the scheme's own. Empty: nobody's but the node's.
    case these(Set<String>)
    case all

    /// - Parameter text: `*`, or origins such as `https://app.example.org,http://localhost:3000`; spaces may follow a comma.
    /// - Returns: nil when one of them is no origin: it has a path, a user or a pattern, or a scheme other than http and https.
    public init?(_ text: String) {
        if text == "*" {
            self = .all
            return
        }
        var origins: Set<String> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let origin = Self.origin(part.drop { $0 == " " }) else { return nil }
            origins.insert(origin)
        }
        self = .these(origins)
    }

    /// - Parameter origin: the value of a request's `Origin`.
    func contains(_ origin: String) -> Bool {
        switch self {
        case .all: true
        case .these(let origins): origins.contains(origin)
        }
    }

    /// Whether a page comes from the place that it talks to. The scheme is not compared: behind a proxy that ends TLS, it is not known here.
    /// - Parameter host: the value of the request's `Host`.
    static func isOwn(_ origin: String, host: String) -> Bool {
        ["http://", "https://"].contains { scheme in
            origin.hasPrefix(scheme) && self.origin(origin[...]) == self.origin("\(scheme)\(host)"[...])
                && self.origin(origin[...]) != nil
        }
    }

    private static func origin(_ text: Substring) -> String? {
        let text = text.lowercased()
        for (scheme, standardPort) in [("http://", 80), ("https://", 443)] where text.hasPrefix(scheme) {
            let authority = text.dropFirst(scheme.count)
            let isLiteral = authority.hasPrefix("[")
            let end = isLiteral ? authority.firstIndex(of: "]").map(authority.index(after:)) : authority.firstIndex(of: ":")
            let host = authority[..<(end ?? authority.endIndex)]
            let rest = authority[host.endIndex...]
            guard isLiteral ? self.isAddress(host) : self.isName(host) else { return nil }
            if rest.isEmpty { return scheme + host }
            let digits = rest.dropFirst()
            guard rest.first == ":", digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(digits),
                (1...65_535).contains(port)
            else { return nil }
            return port == standardPort ? scheme + host : "\(scheme)\(host):\(port)"
        }
        return nil
    }

    private static func isName(_ host: Substring) -> Bool {
        !host.isEmpty && host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "_") }
    }

    private static func isAddress(_ host: Substring) -> Bool {
        host.count > 3 && host.hasSuffix("]")
            && host.dropFirst().dropLast().allSatisfy { $0.isHexDigit && $0.isASCII || $0 == ":" || $0 == "." }
    }
}
