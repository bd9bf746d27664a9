import NIOConcurrencyHelpers
import NIOCore
import NIOWebSocket

/// The state of a ``WebSocketTestClient``. Changed on its event loop only.
struct WebSocketTestState: Sendable {
    typealias Message = WebSocketTestClient.Message
    typealias Failure = WebSocketTestClient.Failure

    var channel: (any Channel)?
    var subprotocol: String?
    private(set) var inbox = CircularBuffer<Message>()
    private var waiters: [EventLoopPromise<Message>] = []
    var pongs: [[UInt8]] = []
    var closeCode: Int?
    var closeReason: String?
    var sentClose = false
    private(set) var isEnded = false

    /// - Returns: an action for after the release of the lock.
    mutating func next(_ waiter: EventLoopPromise<Message>) -> (@Sendable () -> Void)? {
        if let message = self.inbox.popFirst() { return { waiter.succeed(message) } }
        if self.isEnded { return { waiter.fail(Failure.ended) } }
        self.waiters.append(waiter)
        return nil
    }

    mutating func removeWaiter(_ waiter: EventLoopPromise<Message>) -> Bool {
        guard let index = self.waiters.firstIndex(where: { $0.futureResult === waiter.futureResult }) else { return false }
        self.waiters.remove(at: index)
        return true
    }

    mutating func takeAll() -> [Message] {
        defer { self.inbox = [] }
        return Array(self.inbox)
    }

    mutating func received(_ message: Message) -> (@Sendable () -> Void)? {
        guard !self.waiters.isEmpty else {
            self.inbox.append(message)
            return nil
        }
        let waiter = self.waiters.removeFirst()
        return { waiter.succeed(message) }
    }

    mutating func ended() -> @Sendable () -> Void {
        self.isEnded = true
        let waiters = self.waiters
        self.waiters = []
        return { for waiter in waiters { waiter.fail(Failure.ended) } }
    }
}

/// Converts frames to messages, and sends the answers that the protocol requires.
final class WebSocketTestHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let state: NIOLockedValueBox<WebSocketTestState>
    private let answersClose: Bool
    private var opcode = WebSocketOpcode.text
    private var message = ByteBuffer()

    init(state: NIOLockedValueBox<WebSocketTestState>, answersClose: Bool) {
        self.state = state
        self.answersClose = answersClose
    }

    /// A server may end the connection with its 101: then this handler comes too late for the end.
    func handlerAdded(context: ChannelHandlerContext) {
        guard !context.channel.isActive else { return }
        let state = self.state
        // Behind what came with the 101.
        context.eventLoop.execute { state.withLockedValue { $0.ended() }() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        var payload = frame.unmaskedData
        switch frame.opcode {
        case .text, .binary:
            self.opcode = frame.opcode
            self.message = payload
            if frame.fin { self.finishMessage() }
        case .continuation:
            self.message.writeBuffer(&payload)
            if frame.fin { self.finishMessage() }
        case .ping:
            self.reply(.pong, payload, context: context)
        case .pong:
            self.state.withLockedValue { $0.pongs.append(Array(payload.readableBytesView)) }
        case .connectionClose:
            self.closeReceived(payload, context: context)
        default: break
        }
    }

    private func finishMessage() {
        let message: WebSocketTestClient.Message =
            self.opcode == .text ? .text(String(buffer: self.message)) : .binary(Array(self.message.readableBytesView))
        self.state.withLockedValue { $0.received(message) }?()
    }

    private func closeReceived(_ payload: ByteBuffer, context: ChannelHandlerContext) {
        var rest = payload
        let code = rest.readInteger(as: UInt16.self).map { Int($0) } ?? 1005
        let reason = String(buffer: rest)
        let isAnswer = self.state.withLockedValue { state in
            state.closeCode = code
            state.closeReason = reason
            return state.sentClose
        }
        // The server closes the TCP connection (RFC 6455 section 7.1.1).
        if self.answersClose, !isAnswer { self.reply(.connectionClose, payload, context: context) }
    }

    private func reply(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: payload)
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.state.withLockedValue { $0.ended() }()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
