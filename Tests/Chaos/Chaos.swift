import ArgumentParser
import TestSupport

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A cluster of real processes with its own Redis, under traffic, into which faults are injected.
@main
struct Chaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Injects faults into a cluster under traffic and reports the effects. Exit status 1: a guarantee was violated."
    )

    @Option(help: "Inject random faults for this many minutes.")
    var minutes: Int?

    @Option(help: "Seed of the random choice; printed, so that a run can be repeated.")
    var seed: UInt64 = .random(in: 1...999_999)

    @Option(help: "Number of nodes, 3 to 9.")
    var nodes = 3

    @Option(help: "The nodes' lease in seconds.")
    var lease = 5

    @Option(help: "Messages of each client in a second; each node has two clients.")
    var rate = 10

    @Option(help: "Only this fault.")
    var fault: String?

    @Flag(help: "Every fault; the result is a table in Markdown.")
    var table = false

    @Flag(help: "List the names of the faults.")
    var list = false

    @Option(name: .customLong("repeat"), help: "How often each fault of --fault or --table is repeated.")
    var times = 1

    func validate() throws {
        guard [minutes != nil, fault != nil, table, list].count(where: { $0 }) == 1 else {
            throw ValidationError("One of --minutes, --fault, --table and --list must be given.")
        }
        guard (3...9).contains(nodes) else { throw ValidationError("--nodes is \(nodes), but must be 3 to 9.") }
        guard (1...60).contains(lease) else { throw ValidationError("--lease is \(lease), but must be 1 to 60.") }
        guard (1...1000).contains(rate) else { throw ValidationError("--rate is \(rate), but must be 1 to 1000.") }
        guard times > 0, minutes ?? 1 > 0 else { throw ValidationError("--repeat and --minutes must be at least 1.") }
        if let fault, !Fault.all.contains(where: { $0.name == fault }) {
            throw ValidationError("--fault is '\(fault)', but must be one of: \(Fault.all.map(\.name).joined(separator: ", ")).")
        }
    }

    func run() async throws {
        guard !list else {
            for fault in Fault.all { say("\(fault.name): \(fault.title)") }
            return
        }
        let rows: [(title: String, reports: [FaultReport])]
        if let minutes {
            say("Repeat with: deploy/chaos --minutes \(minutes) --seed \(seed) --nodes \(nodes)")
            rows = try await atRandom(for: .seconds(minutes * 60))
        } else {
            rows = try await inOrder(Fault.all.filter { fault == nil || $0.name == fault })
        }
        say("\n" + FaultReport.head)
        for row in rows { say(FaultReport.line(row.title, row.reports)) }
        let reports = rows.flatMap(\.reports)
        if rows.count > 1 { say(FaultReport.line("**all**, \(reports.count) faults", reports)) }
        say("\nReliable clients:\n\n" + FaultReport.reliableHead)
        for row in rows where row.reports.contains(where: { $0.reliable != nil }) {
            say(FaultReport.reliableLine(row.title, row.reports))
        }
        if rows.count > 1 { say(FaultReport.reliableLine("**all**, \(reports.count) faults", reports)) }
        guard !reports.isEmpty, rows.allSatisfy({ !$0.reports.isEmpty }), reports.allSatisfy(\.isGood) else { throw ExitCode(1) }
    }

    private func inOrder(_ faults: [Fault]) async throws -> [(title: String, reports: [FaultReport])] {
        var rows: [(String, [FaultReport])] = []
        for fault in faults {
            var reports: [FaultReport] = []
            // Each fault gets its own cluster, so that the rows are independent.
            do {
                // With sentinels, each repetition too: after a failover the master is another server.
                let clusters = fault.needsSentinels ? times : 1
                for _ in 0..<clusters {
                    try await withCluster(for: fault) { cluster in
                        for _ in 0..<times / clusters { reports.append(try await inject(fault, in: cluster)) }
                    }
                }
            } catch let error as FaultError {
                say("\(fault.name): FAILED. \(error)")
                reports = []
            }
            rows.append(("`\(fault.name)` \(fault.title)", reports))
        }
        return rows
    }

    private func atRandom(for time: Duration) async throws -> [(title: String, reports: [FaultReport])] {
        let end = ContinuousClock.now + time
        var generator = SplitMix64(state: seed)
        var reports: [String: [FaultReport]] = [:]
        var failure: [(String, [FaultReport])] = []
        let faults = Fault.all.filter { $0.options.isEmpty && !$0.needsSentinels && !$0.needsHandler }
        try await withCluster { cluster in
            while failure.isEmpty, ContinuousClock.now < end {
                let fault = faults[Int(generator.next() % UInt64(faults.count))]
                do {
                    reports[fault.name, default: []].append(try await inject(fault, in: cluster))
                } catch let error as FaultError {
                    say("\(fault.name): FAILED, and the run stops. \(error)")
                    failure = [("failed: \(fault.title)", [])]
                }
            }
        }
        return faults.compactMap { fault in reports[fault.name].map { ("\($0.count) x `\(fault.name)` \(fault.title)", $0) } }
            + failure
    }

    private func withCluster(for fault: Fault? = nil, _ body: (FaultCluster) async throws -> Void) async throws {
        let cluster = try await FaultCluster.start(
            nodes: nodes,
            lease: .seconds(lease),
            options: fault?.options ?? [],
            withSentinels: fault?.needsSentinels ?? false,
            withReliableClients: fault?.hasReliableClients ?? true,
            withHandler: fault?.needsHandler ?? false
        )
        do {
            try await body(cluster)
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    private func inject(_ fault: Fault, in cluster: FaultCluster) async throws -> FaultReport {
        let report = try await FaultRun.run(fault, in: cluster, textsPerSecond: rate)
        let verdict = report.verdict
        say(
            "\(fault.name): \(verdict.publications) published, \(verdict.lost) lost, \(verdict.notices) notices, \(verdict.duplicated) duplicates, "
                + "recovered after \(report.recovery.map(FaultReport.seconds) ?? "never")"
        )
        if let reliable = report.reliable {
            say(
                "\(fault.name): reliable clients: \(reliable.connections) connections, \(reliable.deliveries) delivered, "
                    + "\(reliable.resumptions) resumptions, \(reliable.told) told, \(reliable.lost) lost, "
                    + "\(reliable.duplicated) twice, \(reliable.reordered) out of order, \(reliable.holes) holes"
            )
            for violation in reliable.violations { say("  BROKEN \(violation)") }
        }
        for violation in verdict.violations { say("  BROKEN \(violation)") }
        if !fault.losesMessages { for loss in verdict.announcements { say("  lost and reported: \(loss)") } }
        if !report.isGood {
            for node in cluster.nodes { say("  Node \(node.name) logged:\n\(node.process.output.suffix(4000))") }
        }
        return report
    }
}

/// Prints a line without buffering, also into a file.
private func say(_ line: String) {
    print(line)
    fflush(nil)
}
