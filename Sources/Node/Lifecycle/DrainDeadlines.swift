/// Deadlines of a shutdown for everything but WebSockets, which ``Drain`` closes.
///
/// The end of a drain is the shutdown request plus the drain delay plus the drain timeout.
struct DrainDeadlines<C: Clock>: Sendable where C.Duration == Duration {
    enum Deadline {
        /// Waits for receipts end with the receipts received so far: half a second before the end (at most half of the timeout),
        /// so that the answers can still be sent. On an immediate shutdown: at once.
        case receipts
        /// Requests without an answer are aborted: at the end. On an immediate shutdown: after half a second.
        case requests
        /// Presence and broker are stopped: 5 s after the end. A Redis that does not answer may take 2 s for the command in
        /// progress, and more for the one that removes the node and for messages not sent yet. On an immediate shutdown: after a
        /// second.
        case links
        /// The process ends, even if parts of it have not: 2 s after `links`, also on an immediate shutdown.
        case process

        fileprivate func time(of timeout: Duration) -> Duration {
            switch self {
            case .receipts: timeout - min(.milliseconds(500), timeout / 2)
            case .requests: timeout
            case .links: timeout + .seconds(5)
            case .process: timeout + .seconds(7)
            }
        }

        fileprivate var timeAfterImmediateRequest: Duration {
            switch self {
            case .receipts: .zero
            case .requests: .milliseconds(500)
            case .links: .seconds(1)
            case .process: .seconds(3)
            }
        }
    }

    let shutdownRequest: ShutdownRequest
    /// See ``Drain``.
    let delay: Duration
    let timeout: Duration
    let clock: C

    /// Returns at the deadline, or when the task is canceled.
    func reached(_ deadline: Deadline) async {
        await self.shutdownRequest.wait(for: .graceful)
        let end = self.clock.now.advanced(by: self.delay + deadline.time(of: self.timeout))
        await Task.first(
            of: { try? await self.clock.sleep(until: end, tolerance: nil) },
            {
                await self.shutdownRequest.wait(for: .immediate)
                try? await self.clock.sleep(for: deadline.timeAfterImmediateRequest, tolerance: nil)
            }
        )
    }
}
