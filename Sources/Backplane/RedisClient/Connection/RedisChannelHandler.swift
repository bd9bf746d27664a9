import NIOCore
import NIOSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One connection to Redis: it sends commands and matches the replies in order.
///
/// Every command has a timeout; if one expires, the connection is closed. On a subscriber's connection, all messages and
/// acknowledgements of one read are delivered together. The connection is also closed by any violation of the protocol and, once
/// ``isReady``, by an error that means that this is not the right server. After ``close(reason:)``, from either side, only
/// ``onClose`` is called, once. Belongs to one event loop.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    typealias Reply = (Result<RESPValue, RedisLinkError>) -> Void

    private struct Pending {
        /// Nil for SUBSCRIBE and UNSUBSCRIBE: their answers are pushes.
        let reply: Reply?
        var answersMissing: Int
        let sentAt: NIODeadline
    }

    private let timeout: TimeAmount
    private let subscribes: Bool
    private let decoder = RESPDecoder()
    private var context: ChannelHandlerContext?
    private var pending = CircularBuffer<Pending>()
    private var values: [RESPValue] = []
    private var pushes: [RedisPush] = []
    private var output = ByteBuffer()
    private var lastProgress = NIODeadline.distantPast
    private var deadlineTimer: Scheduled<Void>?
    private var hasSubscribed = false
    private(set) var closed = false
    /// The transport error that ended the connection, if there was one.
    private(set) var failure: (any Error)?
    /// Set when the handshake is complete. During the handshake its code handles errors.
    var isReady = false

    /// Receives the pushes of one read, in order.
    var onPushes: (([RedisPush]) -> Void)?
    var onClose: ((RedisLinkLoss) -> Void)?

    /// - Parameters:
    ///   - timeout: the longest time from a command to its answer. On a subscriber's connection: the longest time without any
    ///     read while an answer is pending.
    ///   - subscribes: whether messages may arrive. After the first subscription every array is a push.
    init(timeout: TimeAmount, subscribes: Bool) {
        self.timeout = timeout
        self.subscribes = subscribes
    }

    /// Address and port of the peer.
    var peer: String? {
        self.context?.remoteAddress.flatMap { address in address.ipAddress.map { "\($0):\(address.port ?? 0)" } }
    }

    var isIdle: Bool { self.pending.isEmpty }

    // MARK: - Out

    /// Queues a command; ``flush()`` sends it. `reply` is called once, with a failure when the connection is lost first.
    func send(_ command: RESPCommand, reply: @escaping Reply) {
        self.enqueue(command, Pending(reply: reply, answersMissing: 1, sentAt: .now()))
    }

    /// Queues a SUBSCRIBE or UNSUBSCRIBE of `channels` channels, whose acknowledgements arrive as pushes.
    func sendSubscription(_ command: RESPCommand, channels: Int) {
        self.hasSubscribed = self.subscribes
        self.enqueue(command, Pending(reply: nil, answersMissing: channels, sentAt: .now()))
    }

    private func enqueue(_ command: RESPCommand, _ entry: Pending) {
        guard let context, !self.closed else {
            entry.reply?(.failure(RedisLinkError(reason: "closed")))
            return
        }
        command.write(into: &self.output)
        self.pending.append(entry)
        if self.deadlineTimer == nil { self.scheduleDeadline(at: entry.sentAt + self.timeout, context: context) }
    }

    func flush() {
        guard let context, !self.closed, self.output.readableBytes > 0 else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.output), promise: nil)
        self.output = ByteBuffer()
    }

    /// Closes the connection. Pending commands fail with `reason`.
    /// - Parameter isByPeer: whether the peer closed it.
    func close(reason: String, isByPeer: Bool = false) {
        guard !self.closed else { return }
        self.closed = true
        self.deadlineTimer?.cancel()
        // They arrived before the end of the connection and will not arrive again.
        self.handOverPushes()
        let abandoned = self.pending
        self.pending.removeAll()
        self.context?.close(promise: nil)
        for entry in abandoned { entry.reply?(.failure(RedisLinkError(reason: reason))) }
        let onClose = self.onClose
        self.onClose = nil
        self.onPushes = nil
        onClose?(RedisLinkLoss(reason: reason, isByPeer: isByPeer))
    }

    // MARK: - Timeouts

    private func scheduleDeadline(at deadline: NIODeadline, context: ChannelHandlerContext) {
        self.deadlineTimer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            self?.deadlineReached(context: context)
        }
    }

    private func deadlineReached(context: ChannelHandlerContext) {
        self.deadlineTimer = nil
        guard let oldest = self.pending.first, !self.closed else { return }
        // Answers come one after the other: each answer restarts the timeout of the oldest pending command.
        let deadline = max(oldest.sentAt, self.lastProgress) + self.timeout
        if deadline <= .now() {
            self.close(reason: "no answer within the timeout")
        } else {
            self.scheduleDeadline(at: deadline, context: context)
        }
    }

    // MARK: - In

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.closed else { return }
        if self.subscribes { self.lastProgress = .now() }
        var violation: RESPError?
        do throws(RESPError) {
            try self.decoder.decode(self.unwrapInboundIn(data), into: &self.values)
        } catch {
            violation = error
        }
        let values = self.values
        self.values.removeAll(keepingCapacity: true)
        for value in values {
            guard !self.closed else { return }
            self.take(value)
        }
        if let violation { self.close(reason: "Redis protocol error: \(violation)") }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.handOverPushes()
    }

    private func handOverPushes() {
        guard !self.pushes.isEmpty else { return }
        let pushes = self.pushes
        self.pushes.removeAll(keepingCapacity: true)
        self.onPushes?(pushes)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.close(reason: "Redis closed the connection", isByPeer: true)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !self.closed { self.failure = error }
        self.close(reason: RedisLink.describe(error), isByPeer: Self.isByPeer(error))
    }

    /// The connection was reset, or closed without TLS's closing alert.
    private static func isByPeer(_ error: any Error) -> Bool {
        switch error {
        case let error as IOError: [ECONNRESET, EPIPE].contains(error.errnoCode)
        case ChannelError.eof, NIOSSLError.uncleanShutdown: true
        default: false
        }
    }

    private func take(_ value: RESPValue) {
        if self.hasSubscribed, case .array(let elements) = value {
            switch RedisPush(elements) {
            case .pong: self.answer(with: .status("PONG"))
            case nil: self.close(reason: "Redis protocol error: not a message")
            case .message(let channel, let payload): self.pushes.append(.message(channel: channel, payload: payload))
            case .some(let acknowledgement): self.acknowledge(acknowledgement)
            }
        } else {
            self.answer(with: value)
        }
    }

    private func answer(with value: RESPValue) {
        guard let entry = self.pending.popFirst() else {
            self.close(reason: "Redis protocol error: an answer without a command")
            return
        }
        self.lastProgress = .now()
        guard let reply = entry.reply else {
            if case .error(let text) = value {
                self.close(reason: "Redis refused a subscription: \(RedisErrorText.loggable(text))")
            } else {
                self.close(reason: "Redis protocol error: a subscription was not acknowledged")
            }
            return
        }
        reply(.success(value))
        if self.isReady, case .error(let text) = value, RedisErrorText.isFatal(text) {
            self.close(reason: RedisErrorText.loggable(text))
        }
    }

    private func acknowledge(_ push: RedisPush) {
        guard let oldest = self.pending.first, oldest.reply == nil else {
            self.close(reason: "Redis protocol error: an acknowledgement without a command")
            return
        }
        self.pending[self.pending.startIndex].answersMissing -= 1
        if oldest.answersMissing == 1 { _ = self.pending.popFirst() }
        self.pushes.append(push)
    }
}

@available(*, unavailable)
extension RedisChannelHandler: Sendable {}
