import Dispatch
import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// Writes lines to a descriptor from a thread of its own, so that nobody who logs waits for whoever reads. From any thread.
///
/// A line is lost when the queue is full, which needs a reader that stands still or is too slow, and when the system does not take it: the
/// disk is full, the reader is gone, the descriptor is closed. Lost lines are counted, and one line says how many as soon as another can be
/// written.
public final class LogOutput: Sendable {
    /// Of the lines that wait: 1 MiB, some thousand lines. A queue that has been full takes lines again when it is half empty.
    public static let maximumBytes = 1024 * 1024

    /// For the lines that still wait when the process ends.
    static let flushTime = DispatchTimeInterval.seconds(1)

    private enum Entry {
        case line([UInt8])
        /// So many lines were lost here.
        case loss(Int)
    }

    private struct State {
        var entries = CircularBuffer<Entry>()
        /// Of all lines in `entries` and of the one that is being written.
        var bytes = 0
        var isFull = false
        var lost = 0
        /// Those of them that no line has told of yet.
        var unreported = 0
        /// The last line could not be written: the next to be tried is one that somebody logs.
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
    ///   - descriptor: stays open for as long as the process lives; so does the thread.
    ///   - lossLine: makes the line that says how many were lost; nil: none says it.
    public init(
        descriptor: CInt,
        maximumBytes: Int = LogOutput.maximumBytes,
        lossLine: (@Sendable (Int) -> String)? = nil
    ) {
        self.descriptor = descriptor
        self.maximumBytes = maximumBytes
        self.lossLine = lossLine
        Thread.detachNewThread { self.work() }
    }

    /// Lines lost so far.
    public var lost: Int { self.state.withLockedValue { $0.lost } }

    /// - Parameter line: with its line end. Written in one piece where the system takes it in one.
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

    /// Waits until all lines are written or lost, a second at most.
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
