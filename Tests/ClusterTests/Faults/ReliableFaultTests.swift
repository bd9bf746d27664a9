import TestSupport
import Testing

extension RealProcesses {
    /// Faults between reliable clients and nodes, and ends of nodes: every connection goes on, and misses nothing.
    @Suite
    struct ReliableFaultTests {
        private static let names = [
            "acks-lost", "clients-cut", "links-reset", "node-killed-back-at-once", "pubsub-killed", "redis-frozen-1s",
            "two-claims",
        ]

        @Test(.timeLimit(.minutes(3)))
        func `Three faults, one after the other, break no promise to reliable clients`() async throws {
            var generator = SplitMix64()
            let names = Self.names.shuffled(using: &generator).prefix(3)
            print("\(names.joined(separator: ", ")) with VOLARY_TEST_SEED=\(SplitMix64.seed)")
            let cluster = try await FaultCluster.start(lease: .seconds(2), withReliableClients: true)
            do {
                for name in names {
                    let fault = try #require(Fault.all.first { $0.name == name })
                    let report = try await FaultRun.run(fault, in: cluster)
                    #expect(report.verdict.violations.isEmpty)
                    let verdict = try #require(report.reliable)
                    #expect(verdict.violations.isEmpty)
                    #expect(verdict.connections == 6 && verdict.deliveries > 100)
                }
            } catch {
                await cluster.stop()
                throw error
            }
            await cluster.stop()
        }
    }
}
