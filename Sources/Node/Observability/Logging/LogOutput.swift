import Dispatch
import NIOConcurrencyHelpers
import NIOCore

/// Writes lines to a file descriptor on its own thread, so that logging never waits for the log's reader. Used from any thread.
///
/// A line is lost when the queue is full (the reader is stopped or too slow) or when it cannot be written (the disk is full, the
/// reader is gone, the descriptor is closed). Lost lines are counted, and one line reports their number as soon as a line can be
/// written again.
public final class LogOutput: Sendable {
    /// Limit of the queue: 1 MiB, a few thousand lines. A queue that was full accepts lines again when it is half empty.
    public static let maximumBytes = 1024 * 1024

    /// How long ``flush()`` waits at most.
    static let flushTime = DispatchTimeInterval.seconds(1)

    private enum Entry {
        case line([UInt8])
        /// The number of lines lost at this point.
        case loss(Int)
    }

    private struct State {
        var entries = CircularBuffer<Entry>()
        /// Bytes of all lines in `entries` and of the line that is being written.
        var bytes = 0
        var isFull = false
        var lost = 0
        /// Lost lines that are not reported yet.
        var unreported = 0
        /// The last line could not be written. The loss is then reported only after another line was logged.
        var hasFailed = false
        /// The thread waits for `wake`.
        var isIdle = true
        var idleWaiters: [DispatchSemaphore] = []
    }

    private let descriptor: CInt
    private let maximumBytes: Int
    private let lossLine: (@Sendable (Int) -> String)?
    private let state = NIOLockedValueBox(State())
    private let wake = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - descriptor: must stay open until the process ends. The thread runs until then, too.
    ///   - lossLine: makes the line that reports a number of lost lines; nil: no report.
    public init(
        descriptor: CInt,
        maximumBytes: Int = LogOutput.maximumBytes,
        lossLine: (@Sendable (Int) -> String)? = nil
    ) {
        self.descriptor = descriptor
        self.maximumBytes = maximumBytes
        self.lossLine = lossLine
        DispatchQueue(label: "volary.log").async { self.work() }
    }

    /// The number of lines lost so far.
    public var lost: Int { self.state.withLockedValue { $0.lost } }

    /// - Parameter line: with its line end. Written with one system call where possible.
    public func write(_ line: String) {
        let bytes = Array(line.utf8)
        let wakes = self.state.withLockedValue { state in
            state.isFull = state.isFull ? state.bytes > self.maximumBytes / 2 : false
            guard !state.isFull, state.bytes + bytes.count <= self.maximumBytes else {
                state.isFull = true
                state.lost += 1
                state.unreported += 1
                return false
            }
            if state.unreported > 0 {
                state.entries.append(.loss(state.unreported))
                state.unreported = 0
            }
            state.entries.append(.line(bytes))
            state.bytes += bytes.count
            defer { state.isIdle = false }
            return state.isIdle
        }
        if wakes { self.wake.signal() }
    }

    /// Waits until all lines are written or lost, at most a second.
    public func flush() {
        let isDone = DispatchSemaphore(value: 0)
        let waits = self.state.withLockedValue { state in
            if !state.isIdle { state.idleWaiters.append(isDone) }
            return !state.isIdle
        }
        if waits { _ = isDone.wait(timeout: .now() + Self.flushTime) }
    }

    // MARK: - On the thread

    private func work() {
        var writer = LineWriter(descriptor: self.descriptor)
        while true {
            guard let entry = self.next() else {
                self.wake.wait()
                continue
            }
            switch entry {
            case .line(let bytes):
                let isWritten = writer.write(bytes)
                self.state.withLockedValue { state in
                    state.bytes -= bytes.count
                    state.hasFailed = !isWritten
                    guard !isWritten else { return }
                    state.lost += 1
                    state.unreported += 1
                }
            case .loss(let count):
                guard let line = self.lossLine?(count) else { continue }
                let isWritten = writer.write(Array(line.utf8))
                self.state.withLockedValue { state in
                    state.hasFailed = !isWritten
                    if !isWritten { state.unreported += count }
                }
            }
        }
    }

    private func next() -> Entry? {
        let (entry, idle) = self.state.withLockedValue { state -> (Entry?, [DispatchSemaphore]) in
            if let entry = state.entries.popFirst() { return (entry, []) }
            if state.unreported > 0, !state.hasFailed {
                defer { state.unreported = 0 }
                return (.loss(state.unreported), [])
            }
            state.isIdle = true
            defer { state.idleWaiters = [] }
            return (nil, state.idleWaiters)
        }
        for waiter in idle { waiter.signal() }
        return entry
    }
}
