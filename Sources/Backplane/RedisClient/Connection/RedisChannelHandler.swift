import NIOCore
import NIOSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One connection to Redis: commands out, replies in their order in.
///
/// Every command has a deadline, and a missed one costs the connection. On a subscriber's connection, messages and acknowledgements
/// are handed over together, as many as one read has brought. Anything that breaks the protocol costs the connection as well, and so does,
/// once ``isReady``, an error that says that this is not the server to be linked to.
/// After ``close(reason:)``, from either side, nothing is called any more but ``onClose``, once. Belongs to one event loop.
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
    /// What ended the connection, when it was an error of the transport.
    private(set) var failure: (any Error)?
    /// Set when the handshake is done, which judges errors itself.
    var isReady = false

    /// What one read has brought, in order.
    var onPushes: (([RedisPush]) -> Void)?
    var onClose: ((RedisLinkLoss) -> Void)?

    /// - Parameters:
    ///   - timeout: from a command to its answer, at most. On a subscriber's connection: without anything being read.
    ///   - subscribes: whether messages may come: once anything has been subscribed to, every array is one.
    init(timeout: TimeAmount, subscribes: Bool) {
        self.timeout = timeout
        self.subscribes = subscribes
    }

    /// Address and port of the other side.
    var peer: String? {
        self.context?.remoteAddress.flatMap { address in address.ipAddress.map { "\($0):\(address.port ?? 0)" } }
    }

    var isIdle: Bool { self.pending.isEmpty }

    // MARK: - Out

    /// Collects a command; ``flush()`` sends it. `reply` is called once, with a failure when the connection is lost first.
    func send(_ command: RESPCommand, reply: @escaping Reply) {
        self.enqueue(command, Pending(reply: reply, answersMissing: 1, sentAt: .now()))
    }

    /// Collects a SUBSCRIBE or UNSUBSCRIBE of `channels` channels, whose acknowledgements arrive as pushes.
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

    /// Ends the connection; what waits for an answer fails with `reason`.
    /// - Parameter isByPeer: whether the other side has ended it.
    func close(reason: String, isByPeer: Bool = false) {
        guard !self.closed else { return }
        self.closed = true
        self.deadlineTimer?.cancel()
        // Came before what ends the connection, and will not come again.
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

    // MARK: - Deadlines

    private func scheduleDeadline(at deadline: NIODeadline, context: ChannelHandlerContext) {
        self.deadlineTimer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            self?.deadlineReached(context: context)
        }
    }

    private func deadlineReached(context: ChannelHandlerContext) {
        self.deadlineTimer = nil
        guard let oldest = self.pending.first, !self.closed else { return }
        // Answers come one by one: the oldest command's time starts anew with each sign that those before it are being worked off.
        let deadline = max(oldest.sentAt, self.lastProgress) + self.timeout
        if deadline <= .now() {
            self.close(reason: "no answer within the deadline")
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
        if let violation { self.close(reason: "Redis broke its protocol: \(violation)") }
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

    /// Reset, or closed without the end that TLS asks for.
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
            case nil: self.close(reason: "Redis broke its protocol: not a message")
            case .message(let channel, let payload): self.pushes.append(.message(channel: channel, payload: payload))
            case .some(let acknowledgement): self.acknowledge(acknowledgement)
            }
        } else {
            self.answer(with: value)
        }
    }

    private func answer(with value: RESPValue) {
        guard let entry = self.pending.popFirst() else {
            self.close(reason: "Redis broke its protocol: an answer that nothing asked for")
            return
        }
        self.lastProgress = .now()
        guard let reply = entry.reply else {
            if case .error(let text) = value {
                self.close(reason: "Redis refused a subscription: \(RedisErrorText.loggable(text))")
            } else {
                self.close(reason: "Redis broke its protocol: a subscription was not acknowledged")
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
            self.close(reason: "Redis broke its protocol: an acknowledgement that nothing asked for")
            return
        }
        self.pending[self.pending.startIndex].answersMissing -= 1
        if oldest.answersMissing == 1 { _ = self.pending.popFirst() }
        self.pushes.append(push)
    }
}

@available(*, unavailable)
extension RedisChannelHandler: Sendable {}
