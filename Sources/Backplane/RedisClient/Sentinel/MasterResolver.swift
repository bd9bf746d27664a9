public import Logging
public import NIOCore

/// Which server a node's links are on: one for all of them, so that they agree.
///
/// With sentinels, it asks all of them all the time, has a look at a server before it believes that it is the master, and moves the links when the
/// master has become another. With one fixed server it only sees to it that all links leave it once it is found to be a replica.
/// Works while a link does; needs no start and no stop.
public final class MasterResolver: Sendable {
    /// On the event loop of the links.
    let core: NIOLoopBoundBox<MasterResolverCore>
    let configuration: RedisConfiguration
    let eventLoop: any EventLoop

    /// - Parameters:
    ///   - eventLoop: on which the links live.
    ///   - logger: for changes of the master and of what is wrong.
    public init(configuration: RedisConfiguration, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.core = .makeBoxSendingValue(
            MasterResolverCore(configuration: configuration, eventLoop: eventLoop, logger: logger),
            eventLoop: eventLoop
        )
    }
}
