import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle

/// Listens, and has every HTTP connection served until it ends. WebSockets need no task, and live by themselves.
///
/// Graceful shutdown: nobody is accepted any more, idle connections end, others when they owe no answer, or nobody waits for it any more.
struct HTTPListener: Service {
    /// Connections that the kernel keeps until they are accepted: it must not refuse a reconnect storm.
    private static let backlog: Int32 = 4096

    /// For sockets to be gone once nobody is served any more: closing ones of TLS may wait for their clients.
    private static let closeTime = TimeAmount.milliseconds(250)

    let host: String
    let port: Int
    let group: any EventLoopGroup
    let server: ServerChannel
    let routes: RouteTable
    let logger: Logger
    /// Returns when a graceful shutdown waits no longer for answers.
    let timeIsUp: @Sendable () async -> Void
    /// Called once connections are accepted.
    let onListening: @Sendable (any Channel) async -> Void

    /// - Throws: ``ListenError``.
    func run() async throws {
        let quiescing = ServerQuiescingHelper(group: self.group)
        let (connections, accepted) = AsyncStream.makeStream(of: HTTPConnection.self)
        let listener = try await self.listen(quiescing) { connection in
            // None is taken any more once the listener is closed.
            if case .terminated = accepted.yield(connection) { connection.channel.close(promise: nil) }
        }
        listener.closeFuture.whenComplete { _ in accepted.finish() }
        self.logger.info("Server started and listening on \(self.host):\(listener.localAddress?.port ?? self.port)")
        let closed = listener.eventLoop.makePromise(of: Void.self)
        await withGracefulShutdownHandler {
            await self.onListening(listener)
            await Task.first(
                of: { await self.serve(connections) },
                {
                    await self.timeIsUp()
                    // The drain needs its own moment to end; a listener that ended before would be one that failed.
                    try? await gracefulShutdown()
                }
            )
        } onGracefulShutdown: {
            quiescing.initiateShutdown(promise: closed)
        }
        listener.close(promise: nil)
        // Before their event loops go.
        let deadline = listener.eventLoop.scheduleTask(in: Self.closeTime) { closed.succeed() }
        try? await closed.futureResult.get()
        deadline.cancel()
    }

    private func listen(
        _ quiescing: ServerQuiescingHelper,
        becameHTTP: @escaping @Sendable (HTTPConnection) -> Void
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepted sockets have it from their listener.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.server.setUp(channel, becameHTTP: becameHTTP) }
            }
        do {
            return try await bootstrap.bind(host: self.host, port: self.port).get()
        } catch {
            throw ListenError(host: self.host, port: self.port, error)
        }
    }

    private func serve(_ connections: AsyncStream<HTTPConnection>) async {
        let (routes, logger, date) = (self.routes, self.logger, DateField())
        await withDiscardingTaskGroup { tasks in
            for await connection in connections {
                tasks.addTask(executorPreference: LoopExecutor(connection.channel.eventLoop)) {
                    await connection.serve(with: routes, date: date, logger: logger)
                }
            }
        }
    }
}

extension HTTPListener: CustomStringConvertible {
    /// For the log, in which keys and addresses have no place.
    var description: String { "HTTPListener" }
}
