import VolaryBackplane
import VolaryProtocol

/// The URL of an event handler. `{hub}` and `{event}` in its path or query stand for the names of the hub and of the event.
struct EventURL: Hashable, Sendable {
    static let maximumBytes = 2048

    /// For error messages: "`url` <rule>".
    static let rule = """
        must be a URL such as https://app.example.org/events/{hub}/{event}: http or https, at most \(maximumBytes) visible ASCII characters, \
        no user and no fragment, and {hub} and {event} only behind the host
        """

    private enum Piece: Hashable {
        case text(String)
        case hub
        case event
    }

    /// Scheme, host and port, as in the URL.
    let origin: String
    private let pieces: [Piece]

    init?(_ text: String) {
        guard text.utf8.count <= Self.maximumBytes, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            !text.utf8.contains(where: { #"#"<>\^`|"#.utf8.contains($0) }),
            let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
            ["http", "https"].contains(text[..<colon].lowercased()), text[colon...].hasPrefix("://")
        else { return nil }
        let rest = text[colon...].dropFirst(3)
        let end = rest.utf8.firstIndex { "/?".utf8.contains($0) } ?? rest.endIndex
        let origin = String(text[..<end])
        // Refuses a user and braces, too.
        guard Origin(origin) != nil, let pieces = Self.pieces(rest[end...]) else { return nil }
        self.origin = origin
        self.pieces = pieces
    }

    private static func pieces(_ text: Substring) -> [Piece]? {
        var pieces: [Piece] = []
        var rest = text
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else { return nil }
            pieces.append(.text(String(rest[..<open])))
            switch rest[open...close].lowercased() {
            case "{hub}": pieces.append(.hub)
            case "{event}": pieces.append(.event)
            default: return nil
            }
            rest = rest[close...].dropFirst()
        }
        pieces.append(.text(String(rest)))
        let hasStrayBrace = pieces.contains { if case .text(let text) = $0 { text.contains("}") } else { false } }
        return hasStrayBrace ? nil : pieces
    }

    /// - Parameter event: name of the event, without `azure.webpubsub.`.
    func text(hub: HubName, event: String) -> String {
        self.pieces.reduce(into: self.origin) { url, piece in
            switch piece {
            case .text(let text): url += text
            case .hub: url += PercentEncoding.encode(hub.text)
            case .event: url += PercentEncoding.encode(event)
            }
        }
    }
}
