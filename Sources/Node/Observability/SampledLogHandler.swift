import Logging
import NIOCore

/// Bounds what each line of the program's code may write into the log, whatever makes it write: peers, other nodes, Redis. What is left out is
/// counted in the next entry.
struct SampledLogHandler: ForwardingLogHandler {
    /// Entries of one place in the code: 10 a second. All nodes of a small cluster that are heard of at once are told of one by one.
    static let maximumPerSecond = 10

    /// A place in the code; there are as many as the program has.
    private struct Place: Hashable {
        let file: String
        let line: UInt
    }

    var base: any LogHandler
    private let sampler: LogSampler<Place>

    /// - Parameter now: of a clock that does not go back.
    init(writingTo base: any LogHandler, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.base = base
        self.sampler = LogSampler(maximumPerSecond: Self.maximumPerSecond, now: now)
    }

    func log(event: LogEvent) {
        guard let suppressed = self.sampler.take(Place(file: event.file, line: event.line)) else { return }
        var event = event
        if suppressed > 0 { event.metadata = (event.metadata ?? [:]).merging([LogKey.suppressed: "\(suppressed)"]) { $1 } }
        self.base.log(event: event)
    }
}
