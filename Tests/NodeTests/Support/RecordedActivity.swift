import NIOConcurrencyHelpers
import NIOCore

@testable import VolaryNode

/// An ``ActivityLog`` whose metrics and lines a test can read, and whose clock only the test advances.
final class RecordedActivity: Sendable {
    let log: ActivityLog
    private let registry = MetricsRegistry()
    private let recorder = LogRecorder()
    private let time = NIOLockedValueBox(NIODeadline.uptimeNanoseconds(1))

    init() {
        self.log = ActivityLog(
            metrics: NodeMetrics(factory: self.registry),
            logger: self.recorder.logger,
            now: { [time] in time.withLockedValue { $0 } }
        )
    }

    /// Level, message and metadata of each line.
    var lines: [String] { self.recorder.lines }

    var exposition: String { self.registry.text(gauges: []) }

    func advance(by amount: TimeAmount) { self.time.withLockedValue { $0 = $0 + amount } }

    /// - Parameter series: name and labels as in the output, such as
    ///   `volary_websocket_closes_total{code="1000",side="client"}`.
    /// - Returns: nil when there is no such series.
    func count(_ series: String) -> Int? {
        let line = self.exposition.split(separator: "\n").first { $0.hasPrefix("\(series) ") }
        return line.flatMap { Int($0.dropFirst(series.utf8.count + 1)) }
    }
}
