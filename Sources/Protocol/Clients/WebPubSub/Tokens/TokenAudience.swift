/// The claim `aud` of a token for Web PubSub: the URL that the token opens. Compared by bytes, without regard to the case of ASCII
/// letters.
///
/// The scheme is `http`, `https`, `ws` or `wss`, and does not matter otherwise. Query and fragment are ignored, and so is one
/// slash at the end of the path. A port counts, unless it is the usual one of the scheme.
package struct TokenAudience: Hashable {
    private let host: [UInt8]
    /// The usual port of the scheme, as an authority ends with it.
    private let usualPort: [UInt8]
    /// As written, and percent-decoded once.
    private let paths: [[UInt8]]
    private let query: [UInt8]

    /// - Returns: nil for a text that is not such a URL.
    package init?(_ text: UTF8Text) {
        let bytes = text.utf8.map(\.lowercasedASCII)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else { return nil }
        switch UTF8Text(String(decoding: bytes[..<colon], as: UTF8.self)) {
        case "http", "ws": self.usualPort = Array(":80".utf8)
        case "https", "wss": self.usualPort = Array(":443".utf8)
        default: return nil
        }
        let rest = bytes[(colon + 3)...].prefix { $0 != UInt8(ascii: "#") }
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        let path = rest[authority.endIndex...].prefix { $0 != UInt8(ascii: "?") }
        self.host = Self.host(authority, without: self.usualPort)
        guard !self.host.isEmpty else { return nil }
        self.paths = Self.forms(of: path)
        self.query = Array(rest[path.endIndex...].dropFirst())
    }

    /// Whether the token opens the client endpoint of a hub, in its present or its older form.
    /// - Parameter hosts: names of this server, with their ports: the request's `Host`, or what the operator has configured.
    package func opens(hub: UTF8Text, hosts: [UTF8Text]) -> Bool {
        guard self.names(one: hosts) else { return false }
        if self.opens(path: UTF8Text("/client/hubs/\(hub.string)")) { return true }
        guard self.opens(path: "/client") else { return false }
        let hub = "hub=".utf8 + hub.utf8.map(\.lowercasedASCII)
        return self.query.split(separator: UInt8(ascii: "&")).contains { Array($0) == Array(hub) }
    }

    /// Whether the token opens a request of REST.
    /// - Parameter path: as sent, without query.
    package func opens(path: UTF8Text, hosts: [UTF8Text]) -> Bool { self.names(one: hosts) && self.opens(path: path) }

    private func names(one hosts: [UTF8Text]) -> Bool {
        hosts.contains { Self.host($0.utf8.map(\.lowercasedASCII)[...], without: self.usualPort) == self.host }
    }

    private func opens(path: UTF8Text) -> Bool {
        Self.forms(of: path.utf8.map(\.lowercasedASCII)[...]).contains { self.paths.contains($0) }
    }

    private static func host(_ authority: ArraySlice<UInt8>, without port: [UInt8]) -> [UInt8] {
        Array(authority.suffix(port.count) == port[...] ? authority.dropLast(port.count) : authority)
    }

    /// The path as written, and percent-decoded once, without a slash at the end.
    private static func forms(of path: ArraySlice<UInt8>) -> [[UInt8]] {
        [Array(path), self.decoded(path)].compactMap { $0 }.map { form in
            form.last == UInt8(ascii: "/") ? Array(form.dropLast()) : form
        }
    }

    /// - Returns: nil without valid escapes.
    private static func decoded(_ path: ArraySlice<UInt8>) -> [UInt8]? {
        guard path.contains(UInt8(ascii: "%")) else { return nil }
        var bytes: [UInt8] = []
        var rest = path
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = Hex.decode(rest.prefix(2), digits: 2) else { return nil }
            rest = rest.dropFirst(2)
            bytes.append(UInt8(truncatingIfNeeded: value).lowercasedASCII)
        }
        return bytes
    }
}
