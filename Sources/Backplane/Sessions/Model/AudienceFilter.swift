public import VolaryProtocol

/// A condition that a connection must meet to get a publication.
///
/// Groups count as they were at the publication's number, wherever and whenever the condition is evaluated.
public indirect enum AudienceFilter: Hashable, Sendable {
    case isMember(AudienceName)
    case isUser(AudienceName)
    case isConnection(ConnectionID)
    case not(AudienceFilter)
    case all([AudienceFilter])
    case any([AudienceFilter])

    /// The most terms of a filter that is stored. Whoever parses one checks it.
    public static let maximumTerms = 100

    /// Terms, at every depth.
    public var terms: Int {
        switch self {
        case .isMember, .isUser, .isConnection: 1
        case .not(let filter): 1 + filter.terms
        case .all(let filters), .any(let filters): filters.reduce(1) { $0 + $1.terms }
        }
    }

    /// Bytes of memory, about.
    var bytes: Int {
        switch self {
        case .isMember(let name), .isUser(let name): 48 + name.byteCount
        case .isConnection: 48
        case .not(let filter): 48 + filter.bytes
        case .all(let filters), .any(let filters): filters.reduce(64) { $0 + $1.bytes }
        }
    }

    func matches(_ subject: AudienceFilterSubject) -> Bool {
        switch self {
        case .isMember(let group): subject.isMember(group)
        case .isUser(let name): subject.user == name
        case .isConnection(let id): subject.connection == id
        case .not(let filter): !filter.matches(subject)
        case .all(let filters): filters.allSatisfy { $0.matches(subject) }
        case .any(let filters): filters.contains { $0.matches(subject) }
        }
    }

    /// The same condition as a filter that all nodes read, also those without sessions.
    var expression: String {
        switch self {
        case .isMember(let group): "\(Self.quoted(group.text)) in groups"
        case .isUser(let name): "userId eq \(Self.quoted(name.text))"
        case .isConnection(let id): "connectionId eq '\(id)'"
        case .not(let filter): "not (\(filter.expression))"
        // A condition that holds always, or never.
        case .all([]): "'' eq ''"
        case .any([]): "'' eq '-'"
        case .all(let filters): filters.map { "(\($0.expression))" }.joined(separator: " and ")
        case .any(let filters): filters.map { "(\($0.expression))" }.joined(separator: " or ")
        }
    }

    private static func quoted(_ text: String) -> String {
        // By bytes: a quote may have combining marks behind it.
        let quote = UInt8(ascii: "'")
        let doubled = text.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] }
        return "'" + String(decoding: doubled, as: UTF8.self) + "'"
    }
}

/// A connection as it was at the number of an entry.
struct AudienceFilterSubject {
    let connection: ConnectionID
    let user: AudienceName?
    let groupCount: Int
    let isMember: (AudienceName) -> Bool
}
