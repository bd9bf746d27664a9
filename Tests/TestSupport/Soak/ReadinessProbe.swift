import Foundation
import NIOConcurrencyHelpers

/// Polls ten times a second whether a node is ready, on its own thread, so that other work of this process does not count.
final class ReadinessProbe: Sendable {
    /// The answers of an interval.
    struct Answers: Sendable {
        /// The times of all answers, in milliseconds.
        var times: [Double] = []
        /// Answers other than 200, and missing answers within ``timeout``.
        var wrong = 0

        /// - Parameter share: 0.5 for the median.
        func time(at share: Double) -> Double {
            let sorted = self.times.sorted()
            return sorted.isEmpty ? 0 : sorted[min(Int(Double(sorted.count) * share), sorted.count - 1)]
        }

        static func + (one: Answers, other: Answers) -> Answers {
            Answers(times: one.times + other.times, wrong: one.wrong + other.wrong)
        }
    }

    private static let interval = 0.1
    /// In seconds.
    private static let timeout = 5

    private let port: Int
    private let state = NIOLockedValueBox((answers: Answers(), isOver: false))

    init(port: Int) {
        self.port = port
        Thread.detachNewThread { self.ask() }
    }

    func end() { self.state.withLockedValue { $0.isOver = true } }

    /// The answers since the last call.
    func take() -> Answers {
        self.state.withLockedValue { state in
            defer { state.answers = Answers() }
            return state.answers
        }
    }

    private func ask() {
        while !self.state.withLockedValue({ $0.isOver }) {
            let start = ContinuousClock.now
            let socket = LoopbackSocket(port: self.port, timeout: Self.timeout)
            let isSent = socket?.transmit("GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n") == true
            let isReady = isSent && socket?.receive()?.hasPrefix("HTTP/1.1 200 ") == true
            let time = start.duration(to: .now) / .milliseconds(1)
            self.state.withLockedValue { state in
                state.answers.times.append(time)
                if !isReady { state.answers.wrong += 1 }
            }
            Thread.sleep(forTimeInterval: Self.interval)
        }
    }
}
