import Foundation

/// The results of a soak, as tables in Markdown, and its failures.
public struct SoakReport: Sendable {
    /// The limit for the rise of memory, in MiB, along the line of best fit through the second half.
    static let memoryRise = 16.0
    /// The limit for the rise of open files, along the same line.
    static let descriptorRise = 4.0
    /// The limit for a node's memory above its first rest, at any time, in MiB: 300 for its broker, and for each of the sixteen
    /// clients 1 MiB each for a pending message, an unsent one, the queue beside it, and the bytes of a half-closed connection.
    static let memoryBound = 300.0 + 16 * 4
    /// The limit for the median of `/readyz`, in milliseconds.
    static let readyBound = 100.0

    private let kinds: [(fault: Fault, reports: [FaultReport])]
    private let monitor: SoakMonitor

    /// - Parameter kinds: the kinds that ran, with their results.
    public init(_ kinds: [(fault: Fault, reports: [FaultReport])], _ monitor: SoakMonitor) {
        self.kinds = kinds
        self.monitor = monitor
    }

    // MARK: - Tables

    public var text: String {
        let rows = self.monitor.processes.sorted { $0.key < $1.key }.flatMap { name, watched in
            [
                Self.row("memory of \(name), MiB", watched.memory, maximum: watched.maximumMemory),
                Self.row("descriptors of \(name)", watched.descriptors, maximum: watched.maximumDescriptors),
            ]
        }
        let lost = Self.row("lost messages", self.monitor.lost, maximum: self.monitor.lost.maximum ?? 0)
        return """
            | at rest, between two kinds | first | last | slope a minute, second half | highest at any time |
            | --- | --: | --: | --: | --: |
            \((rows + [lost]).joined(separator: "\n"))

            | sixteen clients | times | published | delivered | lost | duplicates | out of order | `/readyz` median | p99 | longest | not 200 |
            | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
            \(self.kinds.map { self.row($0.fault, $0.reports) }.joined(separator: "\n"))
            """
    }

    private static func row(_ what: String, _ series: TimeSeries, maximum: Double) -> String {
        let cells = [series.first ?? 0, series.last ?? 0, series.secondHalf.slope, maximum].map { Self.number($0) }
        return "| \(what) | \(cells.joined(separator: " | ")) |"
    }

    private func row(_ fault: Fault, _ reports: [FaultReport]) -> String {
        let sum = { (value: (HistoryVerdict) -> Int) in "\(reports.reduce(0) { $0 + value($1.verdict) })" }
        let nodes = (self.monitor.readiness[fault.name] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
        let all = nodes.reduce(ReadinessProbe.Answers(), +)
        let cells = [
            "`\(fault.name)` \(fault.title)", "\(reports.count)", sum(\.publications), sum(\.deliveries), sum(\.lost),
            sum(\.duplicated), sum(\.reordered),
            nodes.map { Self.number($0.time(at: 0.5)) }.joined(separator: ", ") + " ms", Self.number(all.time(at: 0.99)) + " ms",
            Self.number(all.time(at: 1)) + " ms", "\(all.wrong.count)",
        ]
        return "| \(cells.joined(separator: " | ")) |"
    }

    /// With one decimal.
    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    // MARK: - Verdict

    /// Descriptions of all failures; empty for a successful soak.
    public var faults: [String] {
        self.kinds.flatMap { kind in kind.reports.flatMap { $0.verdict.violations.map { "\(kind.fault.name): \($0)" } } }
            + ((self.monitor.lost.last ?? 0) > 0 ? ["messages or leases were lost, by the nodes' metrics"] : [])
            + self.leaks + self.delays
    }

    private var leaks: [String] {
        self.monitor.processes.sorted { $0.key < $1.key }.flatMap { name, watched in
            var leaks: [String] = []
            if watched.memory.secondHalf.rise > Self.memoryRise { leaks.append("the memory of \(name) rises") }
            if watched.descriptors.secondHalf.rise > Self.descriptorRise { leaks.append("the descriptors of \(name) rise") }
            if watched.maximumMemory > (watched.memory.first ?? 0) + Self.memoryBound {
                leaks.append("the memory of \(name) was \(Self.number(watched.maximumMemory)) MiB")
            }
            return leaks
        }
    }

    private var delays: [String] {
        self.monitor.readiness.sorted { $0.key < $1.key }.flatMap { kind, nodes in
            nodes.sorted { $0.key < $1.key }.flatMap { node, answers in
                let median = answers.time(at: 0.5)
                var delays: [String] = []
                if median > Self.readyBound {
                    delays.append("\(kind): the median of /readyz at \(node) is \(Self.number(median)) ms")
                }
                delays += answers.wrong.map { "\(kind): /readyz at \(node) was not 200 \($0)" }
                return delays
            }
        }
    }
}
