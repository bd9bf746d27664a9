import Logging
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// The topics every node is subscribed to for as long as it lives: everyone's, and its own.
struct NodeTopicsService: Service {
    let broker: any Broker
    let node: NodeID
    let logger: Logger
    /// Called once, when both are live.
    let whenSubscribed: @Sendable () -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            do {
                // Both at once: the broker is not up without the one, as soon as it knows that it is wanted.
                async let own: Void = self.broker.subscribe(to: .node(self.node))
                try await self.broker.subscribe(to: .all)
                try await own
                self.logger.info("Subscribed")
                self.whenSubscribed()
            } catch {
                // Cancelled before the broker was reached; the broker says so itself.
                self.logger.debug("Not subscribed", metadata: [LogKey.error: "\(error)"])
            }
        }
        // A service that returns ends its group.
        try? await gracefulShutdown()
    }
}
