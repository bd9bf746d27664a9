import NIOConcurrencyHelpers
import VolaryProtocol

/// Which shards of a node have members of a hub, of a group or of a user, so that a publication wakes no other event loops. Used from
/// every thread.
final class AudienceShards: Sendable {
    /// One bit for each of at most 256 shards.
    private typealias Members = SIMD4<UInt64>

    private let members = NIOLockedValueBox<[HubAudience: Members]>([:])

    /// - Parameter shard: has its first member of the audience. Call before the member is confirmed to anyone.
    func insert(_ shard: Int, for audience: HubAudience) {
        self.members.withLockedValue { $0[audience, default: .zero][shard / 64] |= 1 << UInt64(shard % 64) }
    }

    /// - Parameter shard: has lost its last member of the audience.
    func remove(_ shard: Int, for audience: HubAudience) {
        self.members.withLockedValue { members in
            guard var shards = members[audience] else { return }
            shards[shard / 64] &= ~(1 << UInt64(shard % 64))
            members[audience] = shards == .zero ? nil : shards
        }
    }

    /// In ascending order.
    func shards(of audience: HubAudience) -> [Int] {
        guard let shards = self.members.withLockedValue({ $0[audience] }) else { return [] }
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
