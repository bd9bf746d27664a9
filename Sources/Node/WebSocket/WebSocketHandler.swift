import Logging
import NIOCore
import NIOExtras
import Protocol

/// The one channel handler of a WebSocket: bytes to messages, pings, and the closing handshake.
///
/// Bound to its channel's event loop.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Messages of one client that may be on their way to the broker before the node stops listening to this client: 64, so that one
    /// round trip to Redis does not stall a client, and others do not wait behind thousands of one's messages.
    static let maximumUnfinishedMessages = 64

    private let settings: WebSocketSettings
    private var guest: WebSocketAdmission.Guest
    private let node: NodeID
    private let events: any WebSocketEvents
    private var decoder: MessageDecoder
    /// Nil when the client may send as much as it can.
    private var meter: RateMeter?
    private var connection: Connection?
    private var unfinishedMessages = 0
    private var heldRead = false
    /// What has been read, and comes after what this client may have unfinished at once: the rest of one read, 256 KiB at most.
    private var held = ByteBuffer()
    private var isDecoding = false
    private var isGone = false
    private var expiry: Scheduled<Void>?

    init(settings: WebSocketSettings, guest: WebSocketAdmission.Guest, node: NodeID, events: any WebSocketEvents) {
        self.settings = settings
        self.guest = guest
        self.node = node
        self.events = events
        self.decoder = MessageDecoder(limits: settings.messageLimits, compression: guest.client.compression)
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        let client = self.guest.client
        let connection = Connection(
            id: .random(on: self.node),
            endpoint: client.endpoint,
            user: client.user,
            compression: client.compression,
            connectedAt: self.settings.now(),
            settings: self.settings,
            events: self.events,
            context: context
        )
        self.meter = RateMeter(self.settings.bounds, now: context.eventLoop.now)
        connection.groupsToJoin = client.groups
        connection.reservation = self.guest.reservation
        self.guest.reservation = nil
        self.connection = connection
        if self.settings.isPlain { try? context.channel.syncOptions?.shareReceiveBuffer() }
        self.events.opened(connection, on: context.eventLoop)
        self.scheduleExpiry(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // What it said before it went counts.
        self.isGone = true
        self.decodeHeld(context)
        self.end(context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.end(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A socket error: the peer is gone, and there is nobody to tell.
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            self.connection?.close(code: .serviceRestart, reason: "the node is going away")
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// A socket lives no longer than the token that opened it.
    private func scheduleExpiry(_ context: ChannelHandlerContext) {
        guard let expiresAt = self.guest.client.expiresAt else { return }
        let milliseconds = max(0, expiresAt - self.settings.now())
        self.expiry = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            self.connection?.close(code: .unauthorized, reason: "the token has expired")
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        self.expiry?.cancel()
        guard let connection = self.connection else { return }
        self.connection = nil
        connection.transportClosed()
        self.events.closed(connection, on: context.eventLoop)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        // Also what nobody looks at: a client that goes on behind its last frame would cost a new buffer for each read.
        SharedReceiveAllocator.giveBack(bytes)
        guard let connection = self.connection, connection.mayReceive else { return }
        connection.sawTraffic()
        if self.held.readableBytes > 0 {
            self.held.writeBuffer(&bytes)
            self.decodeHeld(context)
        } else {
            self.decode(&bytes, connection, context: context)
            // A copy: the buffer is the thread's.
            if bytes.readableBytes > 0 { self.held.writeBuffer(&bytes) }
        }
    }

    /// Goes on until all bytes are used up, or the client has as much unfinished as it may have; the first message has been waited for.
    private func decode(_ bytes: inout ByteBuffer, _ connection: Connection, context: ChannelHandlerContext) {
        self.isDecoding = true
        defer { self.isDecoding = false }
        do throws(ProtocolViolation) {
            var isFirst = true
            while isFirst || self.mayRead(context), let event = try self.next(&bytes) {
                isFirst = false
                self.messageEnded(by: event, connection)
                if self.isWithinRate(event, connection, context: context) { self.handle(event, connection, context: context) }
                guard connection.mayReceive else { return bytes.clear() }
            }
        } catch {
            bytes.clear()
            return connection.violationFound(error)
        }
        self.timeMessage(connection, context: context, isHeld: bytes.readableBytes > 0)
    }

    private func decodeHeld(_ context: ChannelHandlerContext) {
        guard self.held.readableBytes > 0, !self.isDecoding, let connection = self.connection, self.mayRead(context) else {
            return
        }
        var bytes = self.held
        self.held = ByteBuffer()
        guard connection.mayReceive else { return }
        self.decode(&bytes, connection, context: context)
        if bytes.readableBytes > 0 { self.held = bytes }
    }

    private func next(_ bytes: inout ByteBuffer) throws(ProtocolViolation) -> MessageDecoder.Event? {
        let before = bytes.readableBytes
        let event = try self.decoder.next(&bytes)
        self.meter?.read(before - bytes.readableBytes)
        return event
    }

    private func handle(_ event: MessageDecoder.Event, _ connection: Connection, context: ChannelHandlerContext) {
        switch event {
        case .text(let text): self.received(.text(text), connection, context: context)
        case .binary(let bytes): self.received(.binary(bytes), connection, context: context)
        case .ping(let payload):
            connection.sendControl(FrameEncoder.encode(opcode: .pong, payload: payload, allocator: context.channel.allocator))
        case .pong: break
        case .close(let code, _): connection.closeReceived(code: code)
        }
    }

    private func received(_ message: ClientMessage, _ connection: Connection, context: ChannelHandlerContext) {
        self.unfinishedMessages += 1
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        let here = NIOLoopBound(context, eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        self.events.received(message, from: connection, on: eventLoop) {
            if eventLoop.inEventLoop {
                me.value.finishedMessage(context: here.value)
            } else {
                eventLoop.execute { me.value.finishedMessage(context: here.value) }
            }
        }
    }

    // MARK: - Bounds

    private func messageEnded(by event: MessageDecoder.Event, _ connection: Connection) {
        switch event {
        case .text, .binary: connection.sawMessage()
        case .ping, .pong, .close: if self.decoder.isInMessage { return }
        }
        connection.messageIsOver()
    }

    private func isWithinRate(_ event: MessageDecoder.Event, _ connection: Connection, context: ChannelHandlerContext) -> Bool {
        if case .close = event { return true }
        switch self.meter?.completed(now: context.eventLoop.now) {
        case nil, .pass:
            return true
        case .drop(let first):
            self.events.dropped(connection, isFirst: first, on: context.eventLoop)
        case .close:
            connection.end(for: .rate)
        }
        return false
    }

    /// A message that is not whole has its time from the first read that ends in it. While the node does not listen, the time is not the
    /// client's.
    private func timeMessage(_ connection: Connection, context: ChannelHandlerContext, isHeld: Bool) {
        if self.decoder.isIncomplete, !isHeld {
            connection.messageIsIncomplete(now: context.eventLoop.now)
        } else {
            connection.messageIsOver()
        }
    }

    // MARK: - Back-pressure

    func read(context: ChannelHandlerContext) {
        self.decodeHeld(context)
        if self.held.readableBytes == 0, self.mayRead(context) {
            context.read()
        } else {
            self.heldRead = true
            self.connection?.messageIsOver()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.releaseRead(context)
        context.fireChannelWritabilityChanged()
    }

    private func finishedMessage(context: ChannelHandlerContext) {
        self.unfinishedMessages -= 1
        self.releaseRead(context)
    }

    /// A client that does not read is not read from: its echoes would pile up. One that is being closed is read, for its close frame.
    private func mayRead(_ context: ChannelHandlerContext) -> Bool {
        guard let connection = self.connection, connection.isOpen, !self.isGone else { return true }
        return context.channel.isWritable && self.unfinishedMessages < Self.maximumUnfinishedMessages
    }

    private func releaseRead(_ context: ChannelHandlerContext) {
        self.decodeHeld(context)
        guard self.heldRead, self.held.readableBytes == 0, !self.isDecoding, self.mayRead(context) else { return }
        self.heldRead = false
        if let connection { self.timeMessage(connection, context: context, isHeld: false) }
        context.read()
    }
}

@available(*, unavailable)
extension WebSocketHandler: Sendable {}
