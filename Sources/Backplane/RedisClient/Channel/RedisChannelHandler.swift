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
    typealias Reply = PendingReplies.Reply

    private var context: ChannelHandlerContext?
    private var input: RedisInput
    private var pending: PendingReplies
    private var pushes: [RedisPush] = []
    private var output = ByteBuffer()
    private var deadlineTimer: Scheduled<Void>?
    private(set) var closed = false
    /// The transport error that ended the connection, if there was one.
    private(set) var failure: (any Error)?
    /// Set when the handshake is complete. During the handshake its code handles errors.
    var isReady = false

    /// Receives the pushes of one read, in order.
    var onPushes: (([RedisPush]) -> Void)?
    var onClose: ((RedisLinkLoss) -> Void)?
    /// Receives the time from each command to its answer.
    var onAnswer: (@Sendable (TimeAmount) -> Void)?

    /// - Parameters:
    ///   - timeout: the longest time from a command to its answer. On a subscriber's connection: the longest time without any
    ///     read while an answer is pending.
    ///   - subscribes: whether messages may arrive.
    init(timeout: TimeAmount, subscribes: Bool) {
        self.pending = PendingReplies(timeout: timeout)
        self.input = RedisInput(subscribes: subscribes)
    }

    /// Address and port of the peer.
    var peer: String? {
        self.context?.remoteAddress.flatMap { address in address.ipAddress.map { "\($0):\(address.port ?? 0)" } }
    }

    var isIdle: Bool { self.pending.isEmpty }

    // MARK: - Out

    /// Queues a command; ``flush()`` sends it. `reply` is called once, with a failure when the connection is lost first.
    func send(_ command: RESPCommand, reply: @escaping Reply) {
        guard let context, !self.closed else { return reply(.failure(RedisLinkError(reason: "closed"))) }
        self.pending.append(reply, at: .now())
        self.write(command, context)
    }

    /// Queues a (S)SUBSCRIBE or (S)UNSUBSCRIBE of `channels` channels, whose acknowledgements arrive as pushes.
    func sendSubscription(_ command: RESPCommand, channels: Int) {
        guard let context, !self.closed else { return }
        self.input.subscriptionSent()
        self.pending.appendSubscription(channels: channels, at: .now())
        self.write(command, context)
    }

    private func write(_ command: RESPCommand, _ context: ChannelHandlerContext) {
        command.write(into: &self.output)
        if self.deadlineTimer == nil, let deadline = self.pending.deadline {
            self.scheduleDeadline(at: deadline, context: context)
        }
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
        let abandoned = self.pending.removeAll()
        self.context?.close(promise: nil)
        for reply in abandoned { reply(.failure(RedisLinkError(reason: reason))) }
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
        guard let deadline = self.pending.deadline, !self.closed else { return }
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
        if self.input.subscribes { self.pending.progressed(at: .now()) }
        let (values, violation) = self.input.decode(self.unwrapInboundIn(data))
        for value in values {
            guard !self.closed else { return }
            self.take(value)
        }
        self.input.recycle(values)
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
        switch self.input.item(value) {
        case .answer(let answer): self.answer(with: answer)
        case .message(let message): self.pushes.append(message)
        case .acknowledgement(let acknowledgement):
            guard self.pending.acknowledged() else {
                return self.close(reason: "Redis protocol error: an acknowledgement without a command")
            }
            self.pushes.append(acknowledgement)
        case .unknown: self.close(reason: "Redis protocol error: not a message")
        }
    }

    private func answer(with value: RESPValue) {
        switch self.pending.answered(at: .now()) {
        case .command(let reply, let time):
            self.onAnswer?(time)
            reply(.success(value))
            if self.isReady, case .error(let text) = value, RedisErrorText.isFatal(text) {
                self.close(reason: RedisErrorText.loggable(text))
            }
        case .subscription:
            if case .error(let text) = value {
                self.close(reason: "Redis refused a subscription: \(RedisErrorText.loggable(text))")
            } else {
                self.close(reason: "Redis protocol error: a subscription was not acknowledged")
            }
        case nil: self.close(reason: "Redis protocol error: an answer without a command")
        }
    }
}

@available(*, unavailable)
extension RedisChannelHandler: Sendable {}
