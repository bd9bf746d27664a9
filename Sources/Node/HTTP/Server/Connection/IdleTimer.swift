import NIOCore

/// Closes a connection that has had no request for a time. Bound to the connection's event loop.
///
/// One timer for the lifetime of the connection. It is set again each time it fires.
final class IdleTimer {
    private let timeout: TimeAmount
    /// Start of the idle time; nil while a request is being received or answered.
    private var idleSince: NIODeadline?
    private var timer: Scheduled<Void>?

    /// - Parameter timeout: maximum time from an answer to the next complete head.
    init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    func start(_ context: ChannelHandlerContext) {
        self.idleSince = .now()
        self.watch(context, for: self.timeout)
    }

    func requestBegan() { self.idleSince = nil }

    /// Call when no request is being received or answered. Repeated calls have no effect.
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
