public import Logging
public import NIOCore

/// Finds the server that a node's links connect to, the same for all of them.
///
/// With sentinels, it polls all of them, checks that a reported server is a master, and moves the links when the master changes. With one fixed
/// server it only drops all links once that is found to be a replica. Runs while a link does; needs no start and no stop.
public final class MasterResolver: Sendable {
    /// On the event loop of the links.
    let core: NIOLoopBoundBox<MasterResolverCore>
    let configuration: RedisConfiguration
    let eventLoop: any EventLoop

    /// - Parameters:
    ///   - eventLoop: of the links.
    ///   - logger: for changes of the master and of failures.
    public init(configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.core = .makeBoxSendingValue(
            MasterResolverCore(configuration: configuration, eventLoop: eventLoop, logger: logger),
            eventLoop: eventLoop
        )
    }
}
