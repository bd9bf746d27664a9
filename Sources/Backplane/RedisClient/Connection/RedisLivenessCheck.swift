import NIOCore

/// Checks regularly whether the server of a ``RedisLink`` still answers and still has the same role. A connection that fails the
/// check is closed. Belongs to one event loop.
final class RedisLivenessCheck {
    /// The interval between checks: 1 s. Together with the command timeout it limits how long a frozen Redis stays undetected.
    static let interval = TimeAmount.seconds(1)

    private let eventLoop: NIOIsolatedEventLoop
    private let asksForRole: Bool
    private var timer: Scheduled<Void>?
    /// Called when the server, which was a master, is a replica.
    var foundReplica: () -> Void = {}

    /// - Parameter asksForRole: whether the server has to be a master. On a subscriber's connection only PING is possible: the
    ///   node's other links ask for the server's role.
    init(eventLoop: NIOIsolatedEventLoop, asksForRole: Bool) {
        self.eventLoop = eventLoop
        self.asksForRole = asksForRole
    }

    /// Begins to check a connection, until it is closed or ``stop()`` is called.
    func start(_ handler: RedisChannelHandler) {
        self.timer = self.eventLoop.scheduleTask(in: Self.interval) { [weak self, weak handler] in
            guard let self, let handler, !handler.closed else { return }
            if self.asksForRole {
                self.check(handler, by: "ROLE") { RedisRole($0) == .master }
            } else if handler.isIdle {
                // Pending commands already have a timeout.
                self.check(handler, by: "PING") { $0 == .status("PONG") }
            }
            self.start(handler)
        }
    }

    func stop() {
        self.timer?.cancel()
        self.timer = nil
    }

    private func check(_ handler: RedisChannelHandler, by name: String, isExpected: @escaping (RESPValue) -> Bool) {
        handler.send(RESPCommand(name)) { [weak self, weak handler] result in
            guard let self, let handler, case .success(let value) = result, !isExpected(value) else { return }
            if case .error(let text) = value {
                handler.close(reason: "\(name) was refused: \(RedisErrorText.loggable(text))")
            } else if RedisRole(value) == .replica {
                self.foundReplica()
            } else {
                handler.close(reason: "unexpected answer to \(name)")
            }
        }
        handler.flush()
    }
}

@available(*, unavailable)
extension RedisLivenessCheck: Sendable {}
