import VolaryBackplane
import VolaryProtocol

/// Which connections of one event loop belong to which audience, and which groups each is in. The only owner of membership.
/// Belongs to the loop.
struct AudienceIndex {
    /// The shard's place among those of its node.
    private let shard: Int
    private let audienceShards: AudienceShards
    /// Those that broadcasts reach, in no order: iterated for every one of them.
    private(set) var members: ContiguousArray<Connection> = []
    /// Groups and users that have a member here.
    private var audiences: [Audience: [ObjectIdentifier: Connection]] = [:]
    /// Of members that are in any.
    private var groups: [ObjectIdentifier: Set<AudienceName>] = [:]

    /// - Parameter audienceShards: where other threads find out which shards have members of an audience.
    init(shard: Int, audienceShards: AudienceShards) {
        self.shard = shard
        self.audienceShards = audienceShards
    }

    mutating func add(_ connection: Connection) {
        connection.slot = self.members.count
        self.members.append(connection)
        if let user = connection.user { self.insert(connection, into: .user(user)) }
    }

    mutating func remove(_ connection: Connection) {
        // The last member takes the place of the one that goes.
        let last = self.members.removeLast()
        if last !== connection {
            last.slot = connection.slot
            self.members[connection.slot] = last
        }
        for group in self.groups.removeValue(forKey: ObjectIdentifier(connection)) ?? [] {
            self.erase(connection, from: .group(group))
        }
        if let user = connection.user { self.erase(connection, from: .user(user)) }
    }

    func groups(of connection: Connection) -> Set<AudienceName> { self.groups[ObjectIdentifier(connection)] ?? [] }

    mutating func join(_ connection: Connection, _ group: AudienceName) {
        self.groups[ObjectIdentifier(connection), default: []].insert(group)
        self.insert(connection, into: .group(group))
    }

    mutating func leave(_ connection: Connection, _ group: AudienceName) {
        self.groups[ObjectIdentifier(connection)]?.remove(group)
        if self.groups[ObjectIdentifier(connection)]?.isEmpty == true { self.groups[ObjectIdentifier(connection)] = nil }
        self.erase(connection, from: .group(group))
    }

    /// The members of a group, or a user's connections.
    func connections(of audience: Audience) -> [ObjectIdentifier: Connection]? { self.audiences[audience] }

    private mutating func insert(_ connection: Connection, into audience: Audience) {
        if self.audiences[audience] == nil { self.audienceShards.insert(self.shard, for: audience) }
        self.audiences[audience, default: [:]][ObjectIdentifier(connection)] = connection
    }

    private mutating func erase(_ connection: Connection, from audience: Audience) {
        self.audiences[audience]?[ObjectIdentifier(connection)] = nil
        guard self.audiences[audience]?.isEmpty == true else { return }
        self.audiences[audience] = nil
        self.audienceShards.remove(self.shard, for: audience)
    }
}
