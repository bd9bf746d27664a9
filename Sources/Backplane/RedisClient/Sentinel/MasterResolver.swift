public import Logging
public import NIOCore

/// Finds the server for the links of a node. All links share one resolver, so that they use the same server.
///
/// With sentinels, it polls all of them all the time, verifies that a reported server is a master, and moves the links when the
/// master has changed. With one fixed server, it only disconnects all links when the server is found to be a replica. It works
/// while at least one link is started, and needs no start or stop of its own.
public final class MasterResolver: Sendable {
    /// On the event loop of the links.
    let core: NIOLoopBoundBox<MasterResolverCore>
    let configuration: RedisConfiguration
    let eventLoop: any EventLoop

    /// - Parameters:
    ///   - eventLoop: the event loop of the links.
    ///   - logger: for changes of the master and for errors.
    ///   - answered: called on the event loop with the time from each command of a link to its answer.
    public init(
        configuration: RedisConfiguration,
        eventLoop: any EventLoop,
        logger: Logger,
        answered: (@Sendable (TimeAmount) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.core = .makeBoxSendingValue(
            MasterResolverCore(configuration: configuration, eventLoop: eventLoop, logger: logger, answered: answered),
            eventLoop: eventLoop
        )
    }
}
