import NIOCore

/// Runs while it is being decided whether the publisher's link is down or one message costs it, see ``PoisonMessageDetector``.
/// Meanwhile the link counts as up but slow. Belongs to one event loop.
final class LinkDecision {
    private let context: BrokerContext
    private var timer: Scheduled<Void>?

    init(_ context: BrokerContext) {
        self.context = context
    }

    var isRunning: Bool { self.timer != nil }

    /// Does nothing while it runs.
    /// - Parameter expired: called when the decision has taken ``PoisonMessageDetector/decisionTimeout``, unless it ends first.
    func start(_ expired: @escaping () -> Void) {
        guard self.timer == nil else { return }
        self.timer = self.context.schedule(in: PoisonMessageDetector.decisionTimeout, expired)
    }

    /// - Returns: whether it was running.
    @discardableResult
    func end() -> Bool {
        guard let timer = self.timer else { return false }
        timer.cancel()
        self.timer = nil
        return true
    }
}

@available(*, unavailable)
extension LinkDecision: Sendable {}
