import TestSupport
import Testing

extension RealProcesses {
    /// Faults under traffic: clients stay, REST tells the truth, everything comes once and in order, or is announced as lost.
    @Suite
    struct FaultTests {
        /// A lease that is soon over.
        private static let lease = Duration.seconds(2)
        private static let fast = Fault.all.filter(\.isFast).map(\.name)

        @Test(.timeLimit(.minutes(2)), arguments: Self.fast)
        func `A fault happens, is over, and has broken no promise`(name: String) async throws {
            let fault = try #require(Fault.all.first { $0.name == name })
            let cluster = try await FaultCluster.start(
                lease: Self.lease,
                options: fault.options,
                withSentinels: fault.needsSentinels,
                withReliableClients: fault.hasReliableClients,
                withHandler: fault.needsHandler
            )
            do {
                let report = try await FaultRun.run(fault, in: cluster)
                #expect(report.verdict.violations.isEmpty)
                #expect(report.reliable?.violations ?? [] == [])
                #expect(report.verdict.publications > 50)
            } catch {
                await cluster.stop()
                throw error
            }
            await cluster.stop()
        }
    }
}
