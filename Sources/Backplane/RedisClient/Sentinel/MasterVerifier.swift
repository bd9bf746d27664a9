import NIOCore

/// Verifies that a server that sentinels report is a master: connects to it, one server at a time. A server that is none is
/// tried again after a pause that grows. Belongs to one event loop.
final class MasterVerifier {
    /// nil when the server is a master.
    typealias Completion = (RedisConnectError?) -> Void

    private let dialer: RedisDialer
    private let backoff: Backoff
    /// Reported servers that were not masters, each with the number of consecutive failures and the end of its pause.
    private var failures: [RedisAddress: (count: Int, until: NIODeadline)] = [:]

    init(_ configuration: RedisConfiguration, eventLoop: NIOIsolatedEventLoop) {
        self.dialer = RedisDialer(
            as: "watch",
            subscribes: false,
            configuration: configuration,
            eventLoop: eventLoop,
            lookup: RedisResolver.system
        )
        self.backoff = Backoff(minimum: configuration.reconnectMinimum, maximum: configuration.reconnectMaximum)
    }

    /// Whether a verification is in progress.
    var isBusy: Bool { self.dialer.target != nil }

    func stop() { self.dialer.cancel() }

    /// The reports in the order in which to verify them: those whose server has not failed yet come first. Forgets the failures
    /// of all other servers.
    func order(_ candidates: [SentinelQuorum.Report]) -> [SentinelQuorum.Report] {
        self.failures = self.failures.filter { address, _ in candidates.contains { $0.master == address } }
        let untried = candidates.filter { self.failures[$0.master] == nil }
        let failed = candidates.filter { self.failures[$0.master] != nil }
        return untried + failed
    }

    /// Whether the server has failed and its pause has not ended.
    func isPaused(_ address: RedisAddress, at now: NIODeadline) -> Bool {
        self.failures[address].map { $0.until > now } ?? false
    }

    /// - Parameter completion: called once, unless ``stop()`` is called first.
    func verify(_ master: RedisAddress, completion: @escaping Completion) {
        self.dialer.dial(master, as: .master) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let handler):
                handler.close(reason: "seen")
                self.failures[master] = nil
                completion(nil)
            case .failure(let error):
                let count = (self.failures[master]?.count ?? 0) + 1
                let pause = TimeAmount(self.backoff.ceiling(attempt: count - 1))
                self.failures[master] = (count, .now() + pause)
                completion(error)
            }
        }
    }
}

@available(*, unavailable)
extension MasterVerifier: Sendable {}
