import NIOCore

/// The pause of a ``RedisLink`` before it connects again. Belongs to one event loop.
final class ReconnectTimer {
    private let backoff: Backoff
    private let eventLoop: NIOIsolatedEventLoop
    private let random: () -> Double
    private var timer: Scheduled<Void>?

    /// - Parameter random: the part of the largest pause to wait, 0 to 1.
    init(_ backoff: Backoff, eventLoop: NIOIsolatedEventLoop, random: @escaping () -> Double) {
        self.backoff = backoff
        self.eventLoop = eventLoop
        self.random = random
    }

    /// - Parameters:
    ///   - attempt: the number of failures before this one.
    ///   - body: called after the pause, unless ``cancel()`` is called first.
    func start(attempt: Int, _ body: @escaping () -> Void) {
        let pause = self.backoff.pause(attempt: attempt, random: self.random())
        self.timer = self.eventLoop.scheduleTask(in: TimeAmount(pause), body)
    }

    func cancel() {
        self.timer?.cancel()
        self.timer = nil
    }
}

@available(*, unavailable)
extension ReconnectTimer: Sendable {}
