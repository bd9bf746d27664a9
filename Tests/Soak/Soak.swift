import ArgumentParser
import NIOConcurrencyHelpers
import TestSupport

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A cluster of real processes with its own Redis, under normal traffic, and bad traffic of one kind after the other.
@main
struct Soak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Runs bad traffic on a cluster and reports the effects. Exit status 1: a guarantee was violated, or a leak."
    )

    /// The time of each kind.
    private static let time = Duration.seconds(6)
    /// The pause before the cluster is measured, in which the nodes release the memory of closed connections.
    private static let rest = Duration.seconds(3)

    @Option(help: "Minutes, 1 to 1440; every kind runs at least once.")
    var minutes = 5

    @Option(help: "Seed of the order; printed, so that a run can be repeated.")
    var seed: UInt64 = .random(in: 1...999_999)

    @Option(help: "Only this kind; may be given more than once.")
    var kind: [String] = []

    func validate() throws {
        guard (1...1440).contains(minutes) else { throw ValidationError("--minutes is \(minutes), but must be 1 to 1440.") }
        let names = Fault.badTraffic(for: Self.time).map(\.name)
        for name in kind where !names.contains(name) {
            throw ValidationError("--kind is '\(name)', but must be one of: \(names.joined(separator: ", ")).")
        }
    }

    func run() async throws {
        say("Repeat with: deploy/soak --minutes \(minutes) --seed \(seed)")
        let kinds = Fault.badTraffic(for: Self.time).filter { kind.isEmpty || kind.contains($0.name) }
        let cluster = try await FaultCluster.start(options: kinds.first?.options ?? [], withTokens: true)
        let faults: [String]
        do {
            faults = try await soak(cluster, with: kinds)
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
        for fault in faults { say("BROKEN \(fault)") }
        guard faults.isEmpty else { throw ExitCode(1) }
    }

    /// - Returns: descriptions of all failures.
    private func soak(_ cluster: FaultCluster, with kinds: [Fault]) async throws -> [String] {
        let monitor = SoakMonitor(cluster)
        let current = NIOLockedValueBox("")
        let progress = Task {
            let start = ContinuousClock.now
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(10))
                say("\(start.duration(to: .now).components.seconds) s, \(current.withLockedValue { $0 }): \(monitor.latest)")
            }
        }
        defer { progress.cancel() }
        var reports: [String: [FaultReport]] = [:]
        var broken: [String] = []
        var generator = SplitMix64(state: seed)
        let end = ContinuousClock.now + .seconds(minutes * 60)
        repeat {
            for kind in kinds.shuffled(using: &generator) {
                guard reports[kind.name] == nil || ContinuousClock.now < end else { break }
                current.withLockedValue { $0 = kind.name }
                do {
                    let report = try await FaultRun.run(kind, in: cluster)
                    reports[kind.name, default: []].append(report)
                    if !report.isGood { sayWhatNodesWrote(cluster) }
                } catch let error as FaultError {
                    broken.append("\(kind.name): \(error)")
                    reports[kind.name, default: []] += []
                    sayWhatNodesWrote(cluster)
                }
                try await Task.sleep(for: Self.rest)
                await monitor.recordRest(after: kind.name, lost: reports.values.joined().reduce(0) { $0 + $1.verdict.lost })
            }
        } while ContinuousClock.now < end
        await monitor.end()
        let report = SoakReport(kinds.map { ($0, reports[$0.name] ?? []) }, monitor)
        say("\n" + report.text)
        return broken + report.faults
    }
}

private func sayWhatNodesWrote(_ cluster: FaultCluster) {
    for node in cluster.nodes { say("  Node \(node.name) logged:\n\(node.process.output.suffix(4000))") }
}

/// Prints a line without buffering, also into a file.
private func say(_ line: String) {
    print(line)
    fflush(nil)
}
