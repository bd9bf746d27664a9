import Logging
import NIOCore
import VolaryBackplane

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Stops accepting for a moment when the process or the system is out of file descriptors, or of memory for sockets. Stands first in the
/// listener's pipeline.
///
/// NIO goes on asking the kernel, as often as it can: the error says nothing of the clients that wait, and those keep the listener
/// readable. So an event loop with all its connections would do nothing else.
final class AcceptBackoff: ChannelInboundHandler {
    typealias InboundIn = any Channel

    /// Short for a client that waits, and nothing for the node: ten vain calls a second.
    static let time = TimeAmount.milliseconds(100)
    /// Between two lines in the log.
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
        // The client has gone again.
        case ECONNABORTED: break
        default: context.fireErrorCaught(error)
        }
    }

    private func pause(_ context: ChannelHandlerContext, because error: IOError) {
        guard !self.isPaused, let options = context.channel.syncOptions else { return }
        self.isPaused = true
        self.metrics.acceptPaused()
        self.log(error, now: context.eventLoop.now)
        // Not only the next read is held back: the listener must leave the selector.
        try? options.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.time) {
            self.isPaused = false
            // Fails on a listener that has been closed.
            try? options.setOption(.autoRead, value: true)
        }
    }

    private func log(_ error: IOError, now: NIODeadline) {
        guard now >= self.nextLog else { return }
        self.nextLog = now + Self.logInterval
        self.logger.error(
            "No connection can be accepted: raise the limit of open files, or lower max-connections",
            metadata: [LogKey.error: "\(ErrorText.of(error))"]
        )
    }
}

@available(*, unavailable)
extension AcceptBackoff: Sendable {}
