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

    func matches(connection: ConnectionID, user: AudienceName?, isMember: (AudienceName) -> Bool) -> Bool {
        switch self {
        case .isMember(let group): isMember(group)
        case .isUser(let name): user == name
        case .isConnection(let id): connection == id
        case .not(let filter): !filter.matches(connection: connection, user: user, isMember: isMember)
        case .all(let filters):
            filters.allSatisfy { $0.matches(connection: connection, user: user, isMember: isMember) }
        case .any(let filters):
            filters.contains { $0.matches(connection: connection, user: user, isMember: isMember) }
        }
    }
}
