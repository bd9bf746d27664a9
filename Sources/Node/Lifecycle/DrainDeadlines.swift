/// When a node that goes away waits no longer for what is not its WebSockets: those are ``Drain``'s.
///
/// The node's end is counted from when it is told to go: the delay, then the time for all to be gone.
struct DrainDeadlines<C: Clock>: Sendable where C.Duration == Duration {
    enum Deadline {
        /// Callers that wait for receipts get what is known: half a second before the end, or half of the time, for their answers must
        /// get out; in a hurry at once.
        case receipts
        /// Requests without an answer are given up: at the end; in a hurry after half a second.
        case requests
        /// Presence and relay are cut off: 5 s after the end, for a Redis that does not answer has 2 s for the command under way, for
        /// the one that removes the node, and for what is still to be flushed, and a drain seldom lasts to its end; in a hurry after a
        /// second.
        case links
        /// A process that is the node's ends, whatever has not ended in it: 2 s after the links.
        case process

        fileprivate func time(of timeout: Duration) -> Duration {
            switch self {
            case .receipts: timeout - min(.milliseconds(500), timeout / 2)
            case .requests: timeout
            case .links: timeout + .seconds(5)
            case .process: timeout + .seconds(7)
            }
        }

        fileprivate var timeInHurry: Duration {
            switch self {
            case .receipts: .zero
            case .requests: .milliseconds(500)
            case .links: .seconds(1)
            case .process: .seconds(3)
            }
        }
    }

    let shutdownRequest: ShutdownRequest
    /// As of ``Drain``.
    let delay: Duration
    let timeout: Duration
    let clock: C

    /// Returns when the deadline is there, or the task is cancelled.
    func reached(_ deadline: Deadline) async {
        await self.shutdownRequest.wait(for: .graceful)
        let end = self.clock.now.advanced(by: self.delay + deadline.time(of: self.timeout))
        await Task.first(
            of: { try? await self.clock.sleep(until: end, tolerance: nil) },
            {
                await self.shutdownRequest.wait(for: .immediate)
                try? await self.clock.sleep(for: deadline.timeInHurry, tolerance: nil)
            }
        )
    }
}
