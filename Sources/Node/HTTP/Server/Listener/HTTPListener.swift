import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle

/// Listens, and serves every HTTP connection until its end. WebSockets need no task and are not tracked here.
///
/// On a graceful shutdown, no connections are accepted any more and idle connections are closed. Other connections end when all
/// of their requests are answered, or when `timeIsUp` returns.
struct HTTPListener: Service {
    /// Maximum of connections in the kernel's queue: 4096, enough for many clients that reconnect at once.
    private static let backlog: Int32 = 4096

    /// Time for sockets to close after the last connection is served: 250 ms. Closing a TLS socket may wait for the client.
    private static let closeTime = TimeAmount.milliseconds(250)

    let host: String
    let port: Int
    let group: any EventLoopGroup
    let server: ServerChannel
    let routes: RouteTable
    let logger: Logger
    /// Returns when a graceful shutdown stops waiting for answers.
    let timeIsUp: @Sendable () async -> Void
    /// Called once connections are accepted.
    let onListening: @Sendable (any Channel) async -> Void

    /// - Throws: ``ListenError``.
    func run() async throws {
        let quiescing = ServerQuiescingHelper(group: self.group)
        let (connections, accepted) = AsyncStream.makeStream(of: HTTPConnection.self)
        let listener = try await self.listen(quiescing) { connection in
            // Connections are not taken after the listener has closed.
            if case .terminated = accepted.yield(connection) { false } else { true }
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
                    // The listener must not return before the drain does: a service that returns early counts as failed.
                    try? await gracefulShutdown()
                }
            )
        } onGracefulShutdown: {
            quiescing.initiateShutdown(promise: closed)
        }
        listener.close(promise: nil)
        // Waits for the sockets before their event loops shut down.
        let deadline = listener.eventLoop.scheduleTask(in: Self.closeTime) { closed.succeed() }
        try? await closed.futureResult.get()
        deadline.cancel()
    }

    private func listen(
        _ quiescing: ServerQuiescingHelper,
        becameHTTP: @escaping @Sendable (HTTPConnection) -> Bool
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepted sockets inherit the option from their listener.
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
    /// For the log. It contains no keys or addresses.
    var description: String { "HTTPListener" }
}
