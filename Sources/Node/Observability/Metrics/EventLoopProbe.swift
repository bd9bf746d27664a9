import NIOCore

/// Measures how late an event loop runs a task that is due, four times a second.
final class EventLoopProbe: Sendable {
    static let interval = TimeAmount.milliseconds(250)

    private let eventLoop: any EventLoop
    private let histogram: Histogram

    init(eventLoop: any EventLoop, histogram: Histogram) {
        self.eventLoop = eventLoop
        self.histogram = histogram
    }

    /// Call once. The probe ends with its loop.
    func start() { self.schedule(at: self.eventLoop.now + Self.interval) }

    private func schedule(at deadline: NIODeadline) {
        self.eventLoop.scheduleTask(deadline: deadline) {
            let now = self.eventLoop.now
            self.histogram.record(now - deadline)
            self.schedule(at: now + Self.interval)
        }
    }
}
