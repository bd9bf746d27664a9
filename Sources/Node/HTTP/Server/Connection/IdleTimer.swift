import NIOCore

/// Closes a connection on which no request has been under way for a time. Bound to its event loop.
///
/// One timer for as long as the connection lasts, set anew when it goes off.
final class IdleTimer {
    private let timeout: TimeAmount
    /// Nil while a request is under way, its answer included.
    private var idleSince: NIODeadline?
    private var timer: Scheduled<Void>?

    /// - Parameter timeout: from one answer to the next whole head.
    init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    func start(_ context: ChannelHandlerContext) {
        self.idleSince = .now()
        self.watch(context, for: self.timeout)
    }

    func requestBegan() { self.idleSince = nil }

    /// No request is under way. May be called again while that is so.
    func waits() {
        if self.idleSince == nil { self.idleSince = .now() }
    }

    func cancel() { self.timer?.cancel() }

    private func watch(_ context: ChannelHandlerContext, for time: TimeAmount) {
        self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            guard let idleSince = self.idleSince else { return self.watch(context, for: self.timeout) }
            let rest = idleSince + self.timeout - .now()
            if rest > .zero { self.watch(context, for: rest) } else { context.close(promise: nil) }
        }
    }
}

@available(*, unavailable)
extension IdleTimer: Sendable {}
