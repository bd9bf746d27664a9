import Atomics
import Metrics
import NIOCore

/// Counts times by their length. Recording takes two atomic additions, no lock and no memory. May be used from any thread.
final class Histogram: RecorderHandler {
    /// Seconds: of what usually takes less than a second.
    static let latencies = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Seconds: of what others do.
    static let calls = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 100]

    /// Seconds, in ascending order.
    let bounds: [Double]
    private let nanoseconds: [Int64]
    /// The numbers of times up to each bound and above the bound before, and of those above the last one.
    private let cells: [ManagedAtomic<Int>]
    private let microseconds = ManagedAtomic<Int>(0)

    init(bounds: [Double] = Histogram.latencies) {
        self.bounds = bounds
        self.nanoseconds = bounds.map { Int64(($0 * 1e9).rounded()) }
        self.cells = (0...bounds.count).map { _ in ManagedAtomic(0) }
    }

    /// - Parameter time: a negative one counts as zero.
    func record(_ time: TimeAmount) { self.record(nanoseconds: time.nanoseconds) }

    func record(nanoseconds: Int64) {
        let time = max(0, nanoseconds)
        var cell = 0
        while cell < self.nanoseconds.count, self.nanoseconds[cell] < time { cell += 1 }
        self.cells[cell].wrappingIncrement(ordering: .relaxed)
        self.microseconds.wrappingIncrement(by: Int((time + 500) / 1000), ordering: .relaxed)
    }

    /// - Parameter value: seconds.
    func record(_ value: Int64) { self.record(Double(value)) }

    /// - Parameter value: seconds.
    func record(_ value: Double) { self.record(nanoseconds: Int64(min(max(value, 0), 1e9) * 1e9)) }

    /// What has been recorded: the numbers of times by cell, and the sum of all times in seconds.
    var value: (counts: [Int], sum: Double) {
        (self.cells.map { $0.load(ordering: .relaxed) }, Double(self.microseconds.load(ordering: .relaxed)) / 1e6)
    }
}
