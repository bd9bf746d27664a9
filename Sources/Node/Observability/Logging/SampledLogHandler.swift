import Logging
import NIOCore

/// Limits the entries that one line of source code may log, whatever the cause: peers, other nodes, Redis. The next entry reports
/// how many were left out.
struct SampledLogHandler: ForwardingLogHandler {
    /// Entries of one source line: 10 a second, enough for one entry per node of a small cluster.
    static let maximumPerSecond = 10

    /// A line of source code.
    private struct SourceLine: Hashable {
        let file: String
        let line: UInt
    }

    var base: any LogHandler
    private let sampler: LogSampler<SourceLine>

    /// - Parameter now: of a monotonic clock.
    init(writingTo base: any LogHandler, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.base = base
        self.sampler = LogSampler(maximumPerSecond: Self.maximumPerSecond, now: now)
    }

    func log(event: LogEvent) {
        guard let suppressed = self.sampler.take(SourceLine(file: event.file, line: event.line)) else { return }
        var event = event
        if suppressed > 0 { event.metadata = (event.metadata ?? [:]).merging([LogKey.suppressed: "\(suppressed)"]) { $1 } }
        self.base.log(event: event)
    }
}
