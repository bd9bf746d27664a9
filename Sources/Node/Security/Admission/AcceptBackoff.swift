import Logging
import NIOCore
import VolaryBackplane

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Pauses accepting when the process or the system is out of file descriptors or of memory for sockets. The first handler of the
/// listener's pipeline.
///
/// Without it NIO would call `accept` again at once, and fail again, because waiting clients keep the listener readable. The
/// event loop would do nothing else for its connections.
final class AcceptBackoff: ChannelInboundHandler {
    typealias InboundIn = any Channel

    /// Length of a pause: short for a waiting client, and only ten failing calls a second for the node.
    static let time = TimeAmount.milliseconds(100)
    /// Least time between two log lines.
    private static let logInterval = TimeAmount.seconds(10)

    private let logger: Logger
    private let metrics: NodeMetrics
    private var nextLog = NIODeadline.distantPast
    private var isPaused = false

    init(logger: Logger, metrics: NodeMetrics) {
        self.logger = logger
        self.metrics = metrics
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return context.fireErrorCaught(error) }
        switch error.errnoCode {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: self.pause(context, because: error)
        // The client has already closed the connection.
        case ECONNABORTED: break
        default: context.fireErrorCaught(error)
        }
    }

    private func pause(_ context: ChannelHandlerContext, because error: IOError) {
        guard !self.isPaused, let options = context.channel.syncOptions else { return }
        self.isPaused = true
        self.metrics.acceptPaused()
        self.log(error, now: context.eventLoop.now)
        // Disables reading instead of skipping one read, so that the listener leaves the selector.
        try? options.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.time) {
            self.isPaused = false
            // Fails when the listener was closed.
            try? options.setOption(.autoRead, value: true)
        }
    }

    private func log(_ error: IOError, now: NIODeadline) {
        guard now >= self.nextLog else { return }
        self.nextLog = now + Self.logInterval
        self.logger.error(
            "Cannot accept connections: raise the open-file limit, or lower max-connections",
            metadata: [LogKey.error: "\(ErrorText.of(error))"]
        )
    }
}

@available(*, unavailable)
extension AcceptBackoff: Sendable {}
