import NIOCore

extension RedisLink {
    func scheduleLivenessCheck() {
        self.livenessTimer = self.eventLoop.scheduleTask(in: Self.livenessInterval) { [weak self] in
            guard let self, self.isReady, let handler = self.handler else { return }
            if self.canAskForRole {
                self.check(handler, by: "ROLE") { RedisRole($0) == .master }
            } else if handler.isIdle {
                // Pending commands already have a timeout.
                self.check(handler, by: "PING") { $0 == .status("PONG") }
            }
            self.scheduleLivenessCheck()
        }
    }

    /// On a subscriber's connection only PING is possible. The node's other links ask for the server's role, and report a
    /// replica.
    private var canAskForRole: Bool {
        if case .master = self.destination { !self.subscribes } else { false }
    }

    private func check(_ handler: RedisChannelHandler, by name: String, isExpected: @escaping (RESPValue) -> Bool) {
        handler.send(RESPCommand(name)) { [weak self, weak handler] result in
            guard let self, let handler, case .success(let value) = result, !isExpected(value) else { return }
            if case .error(let text) = value {
                handler.close(reason: "\(name) was refused: \(RedisErrorText.loggable(text))")
            } else if RedisRole(value) == .replica, let address = self.address {
                self.foundReplica(at: address)
            } else {
                handler.close(reason: "unexpected answer to \(name)")
            }
        }
        handler.flush()
    }
}
