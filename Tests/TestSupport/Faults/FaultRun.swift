import NIOConcurrencyHelpers

/// One fault in a cluster full of traffic, from a good state to a good state, and the verdict on its history.
public struct FaultRun: Sendable {
    /// Of traffic before the fault, and after the recovery.
    private static let calm = Duration.milliseconds(700)
    /// For the last messages to come, and for lists to be true.
    private static let rest = Duration.seconds(10)

    private let fault: Fault
    private let cluster: FaultCluster
    private let textsPerSecond: Int
    private let recorder = HistoryRecorder()

    /// - Parameter textsPerSecond: of each client, two on each node. REST callers push 6 times a second on each node.
    /// - Throws: when the fault did not happen; what the cluster made of it is in the report.
    public static func run(_ fault: Fault, in cluster: FaultCluster, textsPerSecond: Int = 10) async throws -> FaultReport {
        try await FaultRun(fault, in: cluster, textsPerSecond: textsPerSecond).run()
    }

    private init(_ fault: Fault, in cluster: FaultCluster, textsPerSecond: Int) {
        self.textsPerSecond = textsPerSecond
        self.fault = fault
        self.cluster = cluster
    }

    private func run() async throws -> FaultReport {
        let traffic = FaultTraffic(cluster: self.cluster, recorder: self.recorder, textsPerSecond: self.textsPerSecond)
        let monitor = FaultMonitor(recorder: self.recorder)
        let before = await self.counts()
        guard await self.recover(traffic, "before") != nil else { throw FaultError("The cluster was not whole before the fault") }
        let (recovery, presence) = try await traffic.run { silence in
            monitor.start(self.cluster.nodes)
            do {
                let result = try await self.underTraffic(traffic, silence)
                await monitor.end()
                return result
            } catch {
                await monitor.end()
                throw error
            }
        }
        let after = await self.counts()
        self.recorder.edit { history in
            history.hasStrangers = self.fault.bringsStrangers
            for (node, counts) in after {
                // A new process counts from zero.
                let base = self.fault.killed.contains(node) ? History.Counts() : before[node] ?? History.Counts()
                history.counts[node] = .init(lost: counts.lost - base.lost, expired: counts.expired - base.expired)
            }
        }
        var verdict = HistoryChecker.check(self.recorder.history)
        try Fault.prove("nothing was lost", verdict.lost > 0 || !self.fault.losesMessages)
        self.judgeConnections(&verdict)
        if let presence { verdict.violated(.presence, presence) }
        if recovery == nil { verdict.violated(.recovery, "the cluster was not whole again within \(Fault.recoveryBound)") }
        if self.fault.bringsStrangers, monitor.longestOutage > .zero {
            verdict.violated(.readiness, "a node was not ready for \(FaultReport.seconds(monitor.longestOutage))")
        }
        return FaultReport(
            fault: self.fault,
            verdict: verdict,
            recovery: recovery,
            longestGhost: monitor.longestGhost,
            longestOutage: monitor.longestOutage
        )
    }

    private func underTraffic(
        _ traffic: FaultTraffic,
        _ silence: @Sendable () async -> Void
    ) async throws -> (recovery: Duration?, presence: String?) {
        try await Task.sleep(for: Self.calm)
        let from = self.recorder.now
        try await self.fault.happen(self.cluster)
        let recovery = await self.recover(traffic, "after")
        let to = self.recorder.now
        self.recorder.edit { history in
            for node in self.cluster.nodes where self.fault.suffering?.contains(node.name) ?? true {
                history.disturbances.append(
                    .init(
                        node.name,
                        from: from,
                        to: to,
                        killed: self.fault.killed.contains(node.name) && !self.fault.isGraceful,
                        hasTwoMasters: self.fault.hasTwoMasters
                    )
                )
            }
        }
        try await Task.sleep(for: Self.calm)
        await silence()
        await self.waitForTheLast()
        return (recovery, await self.presenceAtRest())
    }

    // MARK: - Recovery

    /// - Returns: how long it took; nil when it took too long.
    private func recover(_ traffic: FaultTraffic, _ word: String) async -> Duration? {
        let start = ContinuousClock.now
        let number = NIOLockedValueBox(0)
        let isWhole = await eventually(within: Fault.recoveryBound) {
            await self.cluster.isWhole { node, names in
                let next = number.withLockedValue { number in
                    number += 1
                    return number
                }
                return await traffic.push(next, by: word, on: node, timeout: "300ms") == names
            }
        }
        return isWhole ? start.duration(to: .now) : nil
    }

    /// The last message that each node has taken has come to everyone, or never will.
    private func waitForTheLast() async {
        let recorder = self.recorder
        _ = await eventually(within: Self.rest) {
            let history = recorder.history
            let last = Dictionary(grouping: history.publications.filter { $0.topic == "all" && $0.outcome.isOwed }, by: \.node)
                .compactMap { $0.value.last?.payload }
            return history.connections.filter { $0.closed == nil }.allSatisfy { connection in
                let got = Set(history.deliveries.suffix(2000).lazy.filter { $0.connection == connection.name }.map(\.payload))
                return last.allSatisfy(got.contains)
            }
        }
    }

    // MARK: - At rest

    /// - Returns: what is wrong with the nodes' lists; nil when all of them are complete and true.
    private func presenceAtRest() async -> String? {
        var wrong: String?
        _ = await eventually(within: Self.rest) {
            wrong = nil
            let real = Set(self.recorder.history.connections.filter { $0.closed == nil }.map { $0.shortID ?? $0.name })
            for node in self.cluster.nodes {
                guard let list = await node.inventory() else {
                    wrong = "node \(node.name) gives no list"
                    return false
                }
                let listed = list.ids.map { String($0.prefix(8)) }.sorted()
                if !list.isComplete || listed != real.sorted() {
                    wrong =
                        "node \(node.name) lists \(listed)\(list.isComplete ? "" : " (incomplete)"), open are \(real.sorted())"
                    return false
                }
            }
            return true
        }
        return wrong
    }

    private func judgeConnections(_ verdict: inout HistoryVerdict) {
        for connection in self.recorder.history.connections where !self.fault.killed.contains(connection.node) {
            guard let closed = connection.closed else { continue }
            verdict.violated(.connected, "\(connection.name) lost its connection to node \(connection.node) at \(closed)")
        }
    }

    private func counts() async -> [String: History.Counts] {
        var counts: [String: History.Counts] = [:]
        for node in self.cluster.nodes {
            let metrics = await node.metrics()
            counts[node.name] = .init(
                lost: metrics["volary_relay_lost", default: 0] + metrics["volary_relay_gaps", default: 0],
                expired: metrics["volary_relay_expired", default: 0]
            )
        }
        return counts
    }
}
