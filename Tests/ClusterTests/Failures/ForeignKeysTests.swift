import Foundation
import TestSupport
import Testing

extension RealProcesses {
    @Suite struct ForeignKeysTests {
        /// - Returns: the first node's id.
        private static func node(_ cluster: Cluster) -> String? {
            let names = cluster.redis.command("HGETALL", "volary:2:{registry}:names")?.split(separator: "\r\n") ?? []
            return zip(names, names.dropFirst(2)).first { $1 == "a" }.map { String($0.0) }
        }

        /// Of both nodes: what both share is mended by the one that notices first.
        private static func leasesLost(_ cluster: Cluster) async throws -> Int {
            var lost = 0
            for node in [cluster.a, cluster.b] { lost += try #require(try await node.metric("volary_leases_lost_total")) }
            return lost
        }

        @Test func `Keys that are deleted, or are another program's, are as they should be with the next heartbeats`()
            async throws
        {
            try await Cluster.run(nodes: 2) { cluster in
                let clients = try await cluster.a.connect(3)
                #expect(await eventually { (try? await cluster.b.inventory().count) == 3 })
                let id = try #require(Self.node(cluster))
                let index = "volary:2:h:{default}:n:\(id):index"
                for commands in [
                    [["DEL", index]], [["DEL", index], ["SET", index, "x"]],
                    [["DEL", "volary:2:{registry}:names"], ["SET", "volary:2:{registry}:names", "x"]],
                    [["DEL", "volary:2:{registry}:leases"], ["SET", "volary:2:{registry}:leases", "x"]],
                ] {
                    let before = try await Self.leasesLost(cluster)
                    for command in commands { cluster.redis.command(command) }
                    #expect(
                        await eventually(within: .seconds(10)) {
                            guard let lost = try? await Self.leasesLost(cluster), lost > before,
                                let list = try? await cluster.b.list(), list.complete, list.connections.count == 3,
                                await cluster.a.isReady()
                            else { return false }
                            return await cluster.b.isReady()
                        },
                        "\(commands)"
                    )
                }
                #expect(clients.count == 3)
            }
        }
    }
}
