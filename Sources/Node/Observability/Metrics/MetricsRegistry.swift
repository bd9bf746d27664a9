import Atomics
import Metrics
import NIOConcurrencyHelpers

/// Keeps one node's metrics in memory and writes them in Prometheus text format
/// (https://prometheus.io/docs/instrumenting/exposition_formats).
///
/// A recorder that aggregates is a histogram of seconds.
///
/// One registry per node, not per process, so that nodes in one test process are counted separately. Dimensions are labels, see
/// ``MetricLabel``.
final class MetricsRegistry: MetricsFactory {
    /// Series per name. Further ones, which would be a programming error, are counted but not shown.
    private static let maximumSeries = 2000
    /// When a name has more lines than this, the series with the value zero are left out.
    private static let maximumZeros = 100

    private enum Metric {
        case counter(CounterCell)
        /// Written as a summary without quantiles: the count, and the sum in seconds or in the recorded unit.
        case summary(SummaryCell)
        case histogram(Histogram)
    }

    private let help: [String: String]
    /// By name, then by the text of the labels (empty without labels).
    private let families = NIOLockedValueBox<[String: [String: Metric]]>([:])

    /// - Parameter help: the help text of each name, as shown.
    init(help: [String: String] = MetricsHelp.texts) {
        self.help = help
    }

    // MARK: - Making

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let cell = CounterCell()
        self.add(.counter(cell), label, dimensions)
        return cell
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return self.makeSummary(label, dimensions, unit: 1) }
        return self.histogram(label, dimensions, bounds: Histogram.calls)
    }

    /// - Parameter bounds: seconds, in ascending order.
    func histogram(_ name: String, _ dimensions: [(String, String)] = [], bounds: [Double] = Histogram.latencies) -> Histogram {
        let histogram = Histogram(bounds: bounds)
        self.add(.histogram(histogram), name, dimensions)
        return histogram
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.makeSummary(label, dimensions, unit: 1e-9)
    }

    private func makeSummary(_ label: String, _ dimensions: [(String, String)], unit: Double) -> SummaryCell {
        let cell = SummaryCell(unit: unit)
        self.add(.summary(cell), label, dimensions)
        return cell
    }

    private func add(_ metric: Metric, _ name: String, _ dimensions: [(String, String)]) {
        self.families.withLockedValue { families in
            guard families[name, default: [:]].count < Self.maximumSeries else { return }
            families[name, default: [:]][Self.labels(dimensions)] = metric
        }
    }

    // A node's metrics live as long as the node.
    func destroyCounter(_: any CounterHandler) {}
    func destroyRecorder(_: any RecorderHandler) {}
    func destroyTimer(_: any TimerHandler) {}

    // MARK: - Reading

    /// The whole text.
    /// - Parameter gauges: as of ``families(gauges:)``.
    func text(gauges: [Gauge]) -> String { self.families(gauges: gauges).joined() }

    /// The text, family by family: each is made when it is its turn.
    /// - Parameter gauges: current values.
    func families(gauges: [Gauge]) -> some Sequence<String> {
        let families = self.families.withLockedValue { $0 }.sorted { $0.key < $1.key }
        let made = families.lazy.map { (name, series) in self.family(name, series) }
        let read = gauges.lazy.map { gauge in
            let header = self.header(gauge.name, gauge.name.hasSuffix("_total") ? "counter" : "gauge")
            return Self.text(header + gauge.series.map { "\(gauge.name)\(Self.labels($0.dimensions)) \($0.text)" })
        }
        return [AnySequence(made), AnySequence(read)].lazy.joined()
    }

    private func family(_ name: String, _ series: [String: Metric]) -> String {
        let sorted = series.sorted { $0.key < $1.key }
        var lines: [String] = []
        switch sorted.first?.value {
        case .counter: lines += self.header("\(name)_total", "counter")
        case .summary: lines += self.header(name, "summary")
        case .histogram: lines += self.header(name, "histogram")
        case nil: break
        }
        for (labels, metric) in sorted {
            switch metric {
            case .counter(let cell):
                let value = cell.value
                if value != 0 || sorted.count <= Self.maximumZeros { lines.append("\(name)_total\(labels) \(value)") }
            case .summary(let cell):
                let (count, sum) = cell.value
                lines += ["\(name)_count\(labels) \(count)", "\(name)_sum\(labels) \(sum)"]
            case .histogram(let histogram):
                let isShown = (histogram.bounds.count + 3) * sorted.count <= Self.maximumZeros
                lines += Self.lines(name, labels, histogram, zeros: isShown)
            }
        }
        return Self.text(lines)
    }

    /// - Parameters:
    ///   - labels: as in the line of a sample; empty without labels.
    ///   - zeros: whether there are lines without a recorded value.
    private static func lines(_ name: String, _ labels: String, _ histogram: Histogram, zeros: Bool) -> [String] {
        let (counts, sum) = histogram.value
        let others = labels.isEmpty ? "" : "\(labels.dropFirst().dropLast()),"
        var total = 0
        var lines = zip(histogram.bounds.map { "\($0)" } + ["+Inf"], counts).map { bound, count in
            total += count
            return "\(name)_bucket{\(others)le=\"\(bound)\"} \(total)"
        }
        lines += ["\(name)_sum\(labels) \(sum)", "\(name)_count\(labels) \(total)"]
        return total > 0 || zeros ? lines : []
    }

    private static func text(_ lines: [String]) -> String { lines.joined(separator: "\n") + "\n" }

    private func header(_ name: String, _ type: String) -> [String] {
        let help = self.help[name].map { ["# HELP \(name) \(Self.escaped($0, quotes: false))"] } ?? []
        return help + ["# TYPE \(name) \(type)"]
    }

    private static func labels(_ dimensions: [(String, String)]) -> String {
        guard !dimensions.isEmpty else { return "" }
        return "{" + dimensions.map { "\($0)=\"\(self.escaped($1, quotes: true))\"" }.joined(separator: ",") + "}"
    }

    private static let escapedBytes = Array("\\\n\"".utf8)

    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { Self.escapedBytes.contains($0) }) else { return text }
        let text = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? text.replacing("\"", with: "\\\"") : text
    }
}

private final class CounterCell: CounterHandler {
    private let count = ManagedAtomic<Int64>(0)

    var value: Int64 { self.count.load(ordering: .relaxed) }
    func increment(by amount: Int64) { self.count.wrappingIncrement(by: amount, ordering: .relaxed) }
    func reset() { self.count.store(0, ordering: .relaxed) }
}

private final class SummaryCell: RecorderHandler, TimerHandler {
    private let unit: Double
    private let values = NIOLockedValueBox((count: 0, sum: 0.0))

    init(unit: Double) {
        self.unit = unit
    }

    var value: (count: Int, sum: Double) {
        self.values.withLockedValue { ($0.count, $0.sum * self.unit) }
    }

    func record(_ value: Int64) { self.record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { self.record(Double(duration)) }

    func record(_ value: Double) {
        self.values.withLockedValue { values in
            values.count += 1
            values.sum += value
        }
    }
}
