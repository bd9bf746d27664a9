import NIOConcurrencyHelpers

/// Injects one fault into a cluster under traffic, from a healthy state to a healthy state, and checks the history.
public struct FaultRun: Sendable {
    /// The time of traffic before the fault, and after the recovery.
    private static let steadyTime = Duration.milliseconds(700)
    /// The longest wait for the last messages, and for correct lists.
    private static let settleTime = Duration.seconds(10)

    private let fault: Fault
    private let cluster: FaultCluster
    private let textsPerSecond: Int
    private let recorder = HistoryRecorder()
    private let reliable = ReliableRecorder()

    /// - Parameter textsPerSecond: of each client, two on each node. REST callers push 6 times a second on each node.
    /// - Throws: when the fault did not take effect. How the cluster handled it is in the report.
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
        guard await self.recover(traffic, "before") != nil else {
            throw FaultError("The cluster was not healthy before the fault")
        }
        let (recovery, presence) = try await self.withReliableClients { silenceOthers in
            try await traffic.run { silence in
                monitor.start(self.cluster.nodes)
                do {
                    let result = try await self.underTraffic(traffic) {
                        await silence()
                        await silenceOthers()
                    }
                    await monitor.end()
                    return result
                } catch {
                    await monitor.end()
                    throw error
                }
            }
        }
        let after = await self.counts()
        self.recorder.edit { history in
            history.hasUnrecordedClients = self.fault.hasUnrecordedClients
            for (node, counts) in after {
                // A new process counts from zero.
                let base = self.fault.killed.contains(node) ? History.Counts() : before[node] ?? History.Counts()
                history.counts[node] = .init(lost: counts.lost - base.lost, expired: counts.expired - base.expired)
            }
        }
        var verdict = HistoryChecker.check(self.recorder.history)
        try Fault.prove("no message was lost", verdict.lost > 0 || !self.fault.losesMessages)
        self.checkConnections(&verdict)
        if let presence { verdict.violated(.presence, presence) }
        if recovery == nil { verdict.violated(.recovery, "the cluster did not recover within \(Fault.recoveryBound)") }
        if self.fault.hasUnrecordedClients {
            for refusal in monitor.refusals { verdict.violated(.readiness, "not ready: \(refusal)") }
            if monitor.longestOutage > Fault.recoveryBound {
                verdict.violated(.readiness, "a node did not answer for \(FaultReport.seconds(monitor.longestOutage))")
            }
        }
        return FaultReport(
            fault: self.fault,
            verdict: verdict,
            reliable: self.cluster.clientPaths.isEmpty ? nil : self.checkReliableClients(),
            recovery: recovery,
            longestGhost: monitor.longestGhost,
            longestOutage: monitor.longestOutage
        )
    }

    private func withReliableClients<Result: Sendable>(
        _ body: @Sendable (_ silence: @Sendable () async -> Void) async throws -> Result
    ) async throws -> Result {
        guard !self.cluster.clientPaths.isEmpty else { return try await body {} }
        let traffic = ReliableTraffic(
            cluster: self.cluster,
            recorder: self.reliable,
            habits: self.fault.habits,
            textsPerSecond: self.textsPerSecond
        )
        return try await traffic.run(body)
    }

    private func checkReliableClients() -> ReliableVerdict {
        var history = self.reliable.history
        let plain = self.recorder.history
        history.expired = plain.counts.mapValues(\.expired)
        history.kills = plain.disturbances.filter(\.killed).map { ($0.node, $0.from - HistoryChecker.inFlight, $0.to) }
        history.mayTell = self.fault.mayTell
        return ReliableChecker.check(history)
    }

    private func underTraffic(
        _ traffic: FaultTraffic,
        _ silence: @Sendable () async -> Void
    ) async throws -> (recovery: Duration?, presence: String?) {
        try await Task.sleep(for: Self.steadyTime)
        let from = self.recorder.now
        try await self.fault.inject(self.cluster)
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
        try await Task.sleep(for: Self.steadyTime)
        await silence()
        await self.waitForLastDeliveries()
        return (recovery, await self.presenceAtRest())
    }

    // MARK: - Recovery

    /// - Returns: how long it took; nil when it took too long.
    private func recover(_ traffic: FaultTraffic, _ word: String) async -> Duration? {
        let start = ContinuousClock.now
        let number = NIOLockedValueBox(0)
        let hasRecovered = await eventually(within: Fault.recoveryBound) {
            await self.cluster.hasRecovered { node, names in
                let next = number.withLockedValue { number in
                    number += 1
                    return number
                }
                return await traffic.push(next, by: word, on: node, timeout: "300ms") == names
            }
        }
        return hasRecovered ? start.duration(to: .now) : nil
    }

    /// Waits until the last message that each node has accepted has been delivered to every client, at most for ``settleTime``.
    private func waitForLastDeliveries() async {
        let recorder = self.recorder
        _ = await eventually(within: Self.settleTime) {
            let history = recorder.history
            let last = Dictionary(
                grouping: history.publications.filter { $0.topic == "all" && $0.outcome.isGuaranteed },
                by: \.node
            )
            .compactMap { $0.value.last?.payload }
            return history.connections.filter { $0.closed == nil }.allSatisfy { connection in
                let got = Set(history.deliveries.suffix(2000).lazy.filter { $0.connection == connection.name }.map(\.payload))
                return last.allSatisfy(got.contains)
            }
        }
    }

    // MARK: - At rest

    /// - Returns: an error in the nodes' lists; nil when all of them are complete and correct.
    private func presenceAtRest() async -> String? {
        var wrong: String?
        _ = await eventually(within: Self.settleTime) {
            wrong = nil
            let real = Set(self.recorder.history.connections.filter { $0.closed == nil }.map { $0.shortID ?? $0.name })
            for node in self.cluster.nodes {
                guard let list = await node.inventory() else {
                    wrong = "node \(node.name) returns no list"
                    return false
                }
                let listed = list.ids.map { String($0.prefix(8)) }.sorted()
                if !list.isComplete || listed != real.sorted() {
                    wrong =
                        "node \(node.name) lists \(listed)\(list.isComplete ? "" : " (incomplete)"), the open connections are \(real.sorted())"
                    return false
                }
            }
            return true
        }
        return wrong
    }

    private func checkConnections(_ verdict: inout HistoryVerdict) {
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
