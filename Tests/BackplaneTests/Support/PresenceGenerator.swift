import Testing
import VolaryBackplane
import VolaryProtocol

/// Fills a presence store, through the store, with a cluster's worth of connections.
///
/// Every connection is in the group ``everyone`` and in one of ``groups``; half of them are of one user, the crowd, the others of one of
/// ``users``.
struct PresenceGenerator {
    static let everyone: AudienceName = "everyone"
    static let crowd: AudienceName = "crowd"

    var connections: Int
    var nodes = 3
    var users = 10_000
    var groups = 100

    func user(_ number: Int) -> AudienceName { AudienceName("user-\(number % self.users)") ?? Self.crowd }
    func group(_ number: Int) -> AudienceName { AudienceName("group-\(number % self.groups)") ?? Self.everyone }
    func nodeName(_ number: Int) -> String { "node-\(number % self.nodes)" }

    /// How many of the connections are the crowd's.
    var crowdCount: Int { (self.connections + 1) / 2 }

    func fill(_ harness: PresenceHarness) async throws {
        var records: [NodeID: [ConnectionRecord]] = [:]
        let nodes = (0..<self.nodes).map { harness.record(self.nodeName($0)) }
        for node in nodes { try await harness.store.register(node, claiming: .shared) }
        for number in 0..<self.connections {
            let node = nodes[number % nodes.count].id
            let user = number.isMultiple(of: 2) ? Self.crowd : self.user(number)
            records[node, default: []].append(
                harness.connection(on: node, user: user, groups: [Self.everyone, self.group(number)])
            )
        }
        for (node, records) in records {
            var rest = records[...]
            while !rest.isEmpty {
                let some = Array(rest.prefix(PresenceLimits.connectionsPerUpdate))
                #expect(try await harness.store.update(node, adding: some, removing: []) == .held)
                rest = rest.dropFirst(some.count)
            }
        }
    }
}
