import Foundation

/// What a soak found, as tables in Markdown, and what of it is wrong.
public struct SoakReport: Sendable {
    /// What memory may rise, in MiB, along the line that fits its second half best.
    static let memoryRise = 16.0
    /// What open files may rise, along the same line.
    static let descriptorRise = 4.0
    /// What a node's memory may have above its first rest at any time, in MiB: its broker's 300, and for each of the sixteen clients a message
    /// under way, one unsent, what waits beside it, and what is kept of one that has ended its half, 1 MiB each.
    static let memoryBound = 300.0 + 16 * 4
    /// Of the median of `/readyz`, in milliseconds.
    static let readyBound = 100.0

    private let kinds: [(fault: Fault, reports: [FaultReport])]
    private let monitor: SoakMonitor

    /// - Parameter kinds: those that have been tried, with what each cost.
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

            | sixteen clients | times | published | delivered | lost | twice | out of order | `/readyz` median | p99 | longest | not 200 |
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
            Self.number(all.time(at: 1)) + " ms", "\(all.wrong)",
        ]
        return "| \(cells.joined(separator: " | ")) |"
    }

    /// One decimal.
    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    // MARK: - Verdict

    /// What is wrong, in words; nothing for a good soak.
    public var faults: [String] {
        self.kinds.flatMap { kind in kind.reports.flatMap { $0.verdict.violations.map { "\(kind.fault.name): \($0)" } } }
            + ((self.monitor.lost.last ?? 0) > 0 ? ["messages were lost, or leases, by the nodes' own count"] : [])
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
                if answers.wrong > 0 { delays.append("\(kind): /readyz at \(node) was not 200 \(answers.wrong) times") }
                return delays
            }
        }
    }
}
