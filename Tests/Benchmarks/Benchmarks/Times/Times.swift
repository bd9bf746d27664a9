import Benchmark
import Cases

/// Measures the times of the cases on this machine.
let benchmarks: @Sendable () -> Void = {
    for one in Case.all {
        let configuration = Benchmark.Configuration(
            metrics: [.wallClock, .cpuTotal, .throughput],
            scalingFactor: one.count > 100 ? .one : .kilo,
            maxDuration: .seconds(2)
        )
        Benchmark("\(one.name), \(one.count) \(one.unit)", configuration: configuration) { benchmark in
            let run = one.prepare()
            benchmark.startMeasurement()
            run(benchmark.scaledIterations.count)
        }
    }
}
