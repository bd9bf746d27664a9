import Logging
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// Subscribes the node to the topics that every node needs for its whole life: `all` of the default hub and its own.
struct NodeTopicsService: Service {
    let broker: any Broker
    let node: NodeID
    let logger: Logger
    /// Called once, when both subscriptions are confirmed.
    let whenSubscribed: @Sendable () -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            do {
                // In parallel: once a subscription is requested, the broker is not up until it is confirmed.
                async let own: Void = self.broker.subscribe(to: .node(self.node))
                try await self.broker.subscribe(to: .all(.default))
                try await own
                self.logger.info("Subscribed")
                self.whenSubscribed()
            } catch {
                // Canceled before Redis was reached. The broker logs the cause itself.
                self.logger.debug("Not subscribed", metadata: [LogKey.error: "\(error)"])
            }
        }
        // A service that returns ends its group.
        try? await gracefulShutdown()
    }
}
