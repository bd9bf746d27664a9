import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// What a page costs, at any depth and with any filter. Prints the figures; asserts ten times the target of 10 ms, for a machine that does
/// other things as well.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PresenceLatencyTests {
    @Test(arguments: PresenceKind.allCases, [1_000, 50_000])
    func `A page of a hundred is fast`(kind: PresenceKind, connections: Int) async throws {
        try await kind.withStores(1) { harness in
            let generator = PresenceGenerator(connections: connections)
            let clock = ContinuousClock()
            let filling = try await clock.measure { try await generator.fill(harness) }
            print("\(kind), \(connections) connections: filled in \(filling)")
            let filters: [(name: String, node: String?, user: AudienceName?, group: AudienceName?, total: Int)] = [
                ("no filter", nil, nil, nil, connections),
                ("a node", generator.nodeName(0), nil, nil, (connections + generator.nodes - 1) / generator.nodes),
                ("a large user", nil, PresenceGenerator.crowd, nil, generator.crowdCount),
                ("a large group", nil, nil, PresenceGenerator.everyone, connections),
                ("both, large", nil, PresenceGenerator.crowd, PresenceGenerator.everyone, generator.crowdCount),
                ("a small group", nil, nil, generator.group(7), connections / generator.groups),
                ("both, of few", nil, PresenceGenerator.crowd, generator.group(8), connections / generator.groups),
                ("both, of none", nil, PresenceGenerator.crowd, generator.group(7), 0),
            ]
            for filter in filters {
                var times: [Duration] = []
                for depth in 0..<40 {
                    // From the beginning to the last fortieth.
                    let after = ConnectionID(Hex.text(of: UInt64.max / 40 * UInt64(depth)) + String(repeating: "0", count: 16))
                    let query = ConnectionQuery(
                        limit: 100,
                        after: after,
                        nodeName: filter.node.map { UTF8Text($0) },
                        user: filter.user,
                        group: filter.group
                    )
                    let start = clock.now
                    let page = try await harness.store.connections(query)
                    times.append(clock.now - start)
                    #expect(page.total == filter.total, "\(filter.name)")
                    if depth == 0 { #expect(page.connections.count == min(100, filter.total), "\(filter.name)") }
                }
                times.sort()
                print("\(kind), \(connections), \(filter.name): median \(times[20]), slowest \(times[39])")
                #expect(times[20] < .seconds(1))
            }
        }
    }

    private enum Hex {
        static func text(of value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
    }
}
