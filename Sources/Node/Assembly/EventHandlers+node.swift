import NIOPosix

extension EventHandlers {
    /// - Returns: nil when the configuration has no event handlers.
    convenience init?(_ foundation: NodeFoundation, group: MultiThreadedEventLoopGroup) {
        guard let events = foundation.configuration.events, let keys = foundation.configuration.access.accessKeys else {
            return nil
        }
        self.init(
            events,
            keys: keys,
            metrics: foundation.eventMetrics,
            logger: foundation.logger,
            group: group,
            now: foundation.now
        )
    }
}
