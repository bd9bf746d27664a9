import VolaryBackplane
import VolaryProtocol

/// The members of each audience of one hub, and the groups of each connection, on one event loop. The only place that stores
/// membership. Belongs to the loop.
struct AudienceIndex {
    private let hub: HubName
    /// Index of the shard within its node.
    private let shard: Int
    private let audienceShards: AudienceShards
    /// All connections that broadcasts reach, in no order. Iterated for each broadcast.
    private(set) var members: ContiguousArray<Connection> = []
    /// Members by group and by user. Audiences without members have no entry.
    private var audiences: [Audience: [ObjectIdentifier: Connection]] = [:]
    /// Groups by connection. Connections without groups have no entry.
    private var groups: [ObjectIdentifier: Set<AudienceName>] = [:]

    /// - Parameter audienceShards: tells other threads which shards have members of an audience.
    init(of hub: HubName, shard: Int, audienceShards: AudienceShards) {
        self.hub = hub
        self.shard = shard
        self.audienceShards = audienceShards
    }

    mutating func add(_ connection: Connection) {
        if self.members.isEmpty { self.reach(.all) }
        connection.slot = self.members.count
        self.members.append(connection)
        if let user = connection.user { self.insert(connection, into: .user(user)) }
    }

    mutating func remove(_ connection: Connection) {
        // The last member takes the place of the removed one.
        let last = self.members.removeLast()
        if last !== connection {
            last.slot = connection.slot
            self.members[connection.slot] = last
        }
        for group in self.groups.removeValue(forKey: ObjectIdentifier(connection)) ?? [] {
            self.erase(connection, from: .group(group))
        }
        if let user = connection.user { self.erase(connection, from: .user(user)) }
        if self.members.isEmpty { self.unreach(.all) }
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

    /// The members of a group, or the connections of a user.
    func connections(of audience: Audience) -> [ObjectIdentifier: Connection]? { self.audiences[audience] }

    /// Whether a connection of this hub is in a group, or of a user.
    func contains(_ connection: Connection, in audience: Audience) -> Bool {
        self.audiences[audience]?[ObjectIdentifier(connection)] != nil
    }

    /// Everyone, the members of a group, or the connections of a user.
    func list(of audience: Audience) -> ContiguousArray<Connection> {
        if case .all = audience { return self.members }
        return ContiguousArray((self.audiences[audience] ?? [:]).values)
    }

    func count(of audience: Audience) -> Int {
        if case .all = audience { return self.members.count }
        return self.audiences[audience]?.count ?? 0
    }

    private mutating func insert(_ connection: Connection, into audience: Audience) {
        if self.audiences[audience] == nil { self.reach(audience) }
        self.audiences[audience, default: [:]][ObjectIdentifier(connection)] = connection
    }

    private mutating func erase(_ connection: Connection, from audience: Audience) {
        self.audiences[audience]?[ObjectIdentifier(connection)] = nil
        guard self.audiences[audience]?.isEmpty == true else { return }
        self.audiences[audience] = nil
        self.unreach(audience)
    }

    private func reach(_ audience: Audience) {
        self.audienceShards.insert(self.shard, for: HubAudience(hub: self.hub, audience: audience))
    }

    private func unreach(_ audience: Audience) {
        self.audienceShards.remove(self.shard, for: HubAudience(hub: self.hub, audience: audience))
    }
}
