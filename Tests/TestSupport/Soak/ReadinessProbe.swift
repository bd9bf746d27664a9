import Foundation
import NIOConcurrencyHelpers

/// Polls ten times a second whether a node is ready, on its own thread, so that other work of this process does not count.
final class ReadinessProbe: Sendable {
    /// The answers of an interval.
    struct Answers: Sendable {
        /// The times of all answers, in milliseconds.
        var times: [Double] = []
        /// Answers other than 200, and missing answers within ``timeout``: each with its time and its text, or the failed step.
        var wrong: [String] = []

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
            let failure = self.failure()
            let time = start.duration(to: .now) / .milliseconds(1)
            self.state.withLockedValue { state in
                state.answers.times.append(time)
                if let failure { state.answers.wrong.append("after \(Int(time)) ms: \(failure)") }
            }
            Thread.sleep(forTimeInterval: Self.interval)
        }
    }

    /// - Returns: nil for an answer with status 200.
    private func failure() -> String? {
        guard let socket = LoopbackSocket(port: self.port, timeout: Self.timeout) else { return "not connected, errno \(errno)" }
        guard socket.transmit("GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n") else {
            return "not sent, errno \(errno)"
        }
        guard let answer = socket.receive() else { return "no answer, errno \(errno)" }
        return answer.hasPrefix("HTTP/1.1 200 ") ? nil : answer
    }
}
