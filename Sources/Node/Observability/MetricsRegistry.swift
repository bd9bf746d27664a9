import Atomics
import Metrics
import NIOConcurrencyHelpers

/// Keeps one node's metrics in memory, and writes them out in Prometheus' text format.
///
/// One per node and not the process' own: nodes that share a process in a test do not add up. Dimensions are ignored: this node's
/// metrics have none.
final class MetricsRegistry: MetricsFactory {
    private enum Metric {
        case counter(CounterCell)
        /// Written as a summary without quantiles: how many, and their sum in seconds or in the recorded unit.
        case summary(SummaryCell)
    }

    private let metrics = NIOLockedValueBox<[String: Metric]>([:])

    // MARK: - Making

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let cell = CounterCell()
        self.metrics.withLockedValue { $0[label] = .counter(cell) }
        return cell
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        self.makeSummary(label, unit: 1)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.makeSummary(label, unit: 1e-9)
    }

    private func makeSummary(_ label: String, unit: Double) -> SummaryCell {
        let cell = SummaryCell(unit: unit)
        self.metrics.withLockedValue { $0[label] = .summary(cell) }
        return cell
    }

    // A node's metrics live as long as the node.
    func destroyCounter(_: any CounterHandler) {}
    func destroyRecorder(_: any RecorderHandler) {}
    func destroyTimer(_: any TimerHandler) {}

    // MARK: - Reading

    /// - Parameter gauges: values of this moment, by name.
    func text(gauges: [(name: String, value: Int)]) -> String {
        var lines: [String] = []
        for (label, metric) in self.metrics.withLockedValue({ $0 }).sorted(by: { $0.key < $1.key }) {
            switch metric {
            case .counter(let cell):
                lines += ["# TYPE \(label)_total counter", "\(label)_total \(cell.value)"]
            case .summary(let cell):
                let (count, sum) = cell.value
                lines += ["# TYPE \(label) summary", "\(label)_count \(count)", "\(label)_sum \(sum)"]
            }
        }
        for (name, value) in gauges { lines += ["# TYPE \(name) gauge", "\(name) \(value)"] }
        return lines.joined(separator: "\n") + "\n"
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
