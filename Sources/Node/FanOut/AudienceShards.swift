import NIOConcurrencyHelpers
import VolaryProtocol

/// Which shards of a node have members of a hub, of a group or of a user, so that a publication wakes no other event loops. Used from
/// every thread.
final class AudienceShards: Sendable {
    /// One bit for each of at most 256 shards.
    private typealias Members = SIMD4<UInt64>

    private struct State {
        var members: [HubAudience: Members] = [:]
        var counts = AudienceCounts()
    }

    private let state = NIOLockedValueBox(State())

    /// The groups and users that have members on a shard.
    var counts: AudienceCounts { self.state.withLockedValue { $0.counts } }

    /// - Parameter shard: has its first member of the audience. Call before the member is confirmed to anyone.
    func insert(_ shard: Int, for audience: HubAudience) {
        self.state.withLockedValue { state in
            if state.members[audience] == nil { state.counts.add(1, of: audience) }
            state.members[audience, default: .zero][shard / 64] |= 1 << UInt64(shard % 64)
        }
    }

    /// - Parameter shard: has lost its last member of the audience.
    func remove(_ shard: Int, for audience: HubAudience) {
        self.state.withLockedValue { state in
            guard var shards = state.members[audience] else { return }
            shards[shard / 64] &= ~(1 << UInt64(shard % 64))
            if shards == .zero { state.counts.add(-1, of: audience) }
            state.members[audience] = shards == .zero ? nil : shards
        }
    }

    /// In ascending order.
    func shards(of audience: HubAudience) -> [Int] {
        guard let shards = self.state.withLockedValue({ $0.members[audience] }) else { return [] }
        var indices: [Int] = []
        for word in 0..<4 {
            var rest = shards[word]
            while rest != 0 {
                indices.append(64 * word + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return indices
    }
}

/// How many audiences have members. The same name in two hubs counts twice.
struct AudienceCounts: Hashable, Sendable {
    private(set) var groups = 0
    private(set) var users = 0

    fileprivate mutating func add(_ count: Int, of audience: HubAudience) {
        switch audience.audience {
        case .group: self.groups += count
        case .user: self.users += count
        case .all, .connection: break
        }
    }
}
