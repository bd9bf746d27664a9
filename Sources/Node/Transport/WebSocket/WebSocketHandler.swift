import Logging
import NIOCore
import NIOExtras
import VolaryProtocol

/// The one channel handler of a WebSocket: bytes to messages, pongs, and the closing handshake.
///
/// Bound to its channel's event loop. Outlives its channel for as long as messages of a client that is gone still wait to be handled.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Messages of one client that may be on their way to the broker before the node stops handling what this client sends: 64, so that one
    /// round trip to Redis does not stall a client, and others do not wait behind thousands of one's messages.
    static let maximumUnfinishedMessages = 64
    /// Then so many must be done before it goes on: half of them, so that their replies leave together as well.
    static let resumingUnfinishedMessages = 32
    /// Bytes of them, with ``overheadBytes`` for each: 1 MiB and one message. Then half of that must be done, too.
    static let maximumUnfinishedBytes = 1024 * 1024
    /// Counted for each unfinished message beside its payload, as the broker does: 256.
    static let overheadBytes = 256

    /// Bytes that may wait to be handled: 1 MiB. One read brings 256 KiB, and the next follows once all of it is handled; but when a client ends its
    /// connection, NIO reads at once all that the kernel holds of it. What is beyond is dropped, counted as `volary_clients_gone_unread`.
    static let maximumHeldBytes = 1024 * 1024

    /// Pings of one read that are answered one by one: 64. Of those beyond only the newest is (RFC 6455 section 5.5.3).
    static let maximumPongs = 64

    /// What the decoder is given at a time: 16 KiB, which holds 2,700 frames without a payload. It knows no turns.
    private static let portionBytes = 16 * 1024

    private let settings: WebSocketSettings
    private var guest: WebSocketAdmission.AdmittedClient
    private let events: any WebSocketEvents
    private var decoder: MessageDecoder
    /// Nil when the client may send as much as it can.
    private var meter: RateMeter?
    /// Nil before the handler is added, and once its connection has ended.
    private var connection: Connection?
    /// Nil once the channel is closed.
    private var context: ChannelHandlerContext?
    private var unfinishedMessages = 0
    private var unfinishedBytes = 0
    /// Whether there are too many of them.
    private var awaitsMessages = false
    /// Whether a read has been asked for that the node does not want yet.
    private var heldRead = false
    /// What has been read and waits to be handled.
    private var held = ByteBuffer()
    /// Of a client that is gone: what it had left to be handled.
    private var leftoverBytes = 0
    /// Waits for its next turn in the loop's ``TurnQueue``.
    private var isQueued = false
    private var isInTurn = false
    /// The last turn used up its budget: what is read next waits for a turn, too.
    private var hasSpentTurn = false
    private var pongs = 0
    /// The newest ping of this read that is still to be answered.
    private var unansweredPing: ByteBuffer?
    private var expiry: Scheduled<Void>?

    init(settings: WebSocketSettings, guest: WebSocketAdmission.AdmittedClient, events: any WebSocketEvents) {
        self.settings = settings
        self.guest = guest
        self.events = events
        self.decoder = MessageDecoder(limits: settings.messageLimits, compression: guest.client.compression)
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let client = self.guest.client
        let connection = Connection(
            id: self.events.makeID(on: context.eventLoop),
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
        connection.canBroadcast = client.canBroadcast
        connection.wantsWelcome = client.wantsWelcome
        connection.reservation = self.guest.reservation
        self.guest.reservation = nil
        self.connection = connection
        if self.settings.isPlain { try? context.channel.syncOptions?.shareReceiveBuffer() }
        self.events.opened(connection, on: context.eventLoop)
        self.scheduleExpiry(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.clientIsGone(context.eventLoop)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.clientIsGone(context.eventLoop)
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

    /// What it had sent before counts, within the same limits as ever; nothing is answered any more.
    private func clientIsGone(_ eventLoop: any EventLoop) {
        guard let connection = self.connection, self.context != nil else { return }
        self.context = nil
        self.expiry?.cancel()
        if !connection.mayReceive { self.held = ByteBuffer() }
        if self.events.turns(on: eventLoop).leftovers.reserve(self.held.readableBytes) {
            self.leftoverBytes = self.held.readableBytes
        } else {
            self.held = ByteBuffer()
            self.events.goneUnread()
        }
        connection.transportClosed()
        self.settle(on: eventLoop)
        guard self.connection != nil else { return }
        connection.dropLeftovers = { [weak self] in self?.dropLeftovers(on: eventLoop) }
    }

    private func dropLeftovers(on eventLoop: any EventLoop) {
        self.held = ByteBuffer()
        self.events.goneUnread()
        self.settle(on: eventLoop)
    }

    /// Ends the connection of a client that is gone, once all that it had sent is handled.
    private func settle(on eventLoop: any EventLoop) {
        guard self.context == nil, !self.isInTurn else { return }
        self.handleHeld(on: eventLoop)
        guard self.held.readableBytes == 0, let connection = self.connection else { return }
        self.connection = nil
        connection.dropLeftovers = nil
        self.events.turns(on: eventLoop).leftovers.release(self.leftoverBytes)
        self.events.closed(connection, on: eventLoop)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        // Also what nobody looks at: a client that goes on behind its last frame would cost a new buffer for each read.
        SharedReceiveAllocator.giveBack(bytes)
        guard let connection = self.connection, connection.mayReceive else { return }
        connection.sawTraffic()
        if self.held.readableBytes == 0, !self.isQueued, !self.hasSpentTurn {
            (self.pongs, self.unansweredPing) = (0, nil)
            self.takeTurn(&bytes, connection, on: context.eventLoop)
        }
        self.hold(bytes, context)
        self.settle(on: context.eventLoop)
    }

    private func hold(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard bytes.readableBytes > 0 else { return }
        guard self.held.readableBytes + bytes.readableBytes <= Self.maximumHeldBytes else {
            self.events.goneUnread()
            return context.close(promise: nil)
        }
        // A copy: the buffer is the thread's.
        self.held.enqueue(bytes)
        if self.hasSpentTurn { self.queueTurn(on: context.eventLoop) }
    }

    /// Handles what is held as far as may be, and reads on once that is all.
    private func resume(on eventLoop: any EventLoop) {
        self.handleHeld(on: eventLoop)
        self.settle(on: eventLoop)
        guard self.heldRead, let context, self.canRead else { return }
        self.heldRead = false
        self.goOnReading(context)
    }

    private func goOnReading(_ context: ChannelHandlerContext) {
        if let connection, connection.goesOnReading() { self.timeMessage(connection, on: context.eventLoop) }
        context.read()
    }

    private func handleHeld(on eventLoop: any EventLoop) {
        guard self.held.readableBytes > 0, !self.isInTurn, !self.isQueued, self.mayHandle, let connection else { return }
        var bytes = self.held
        self.held = ByteBuffer()
        self.takeTurn(&bytes, connection, on: eventLoop)
        if bytes.readableBytes > 0 {
            self.held = bytes
        } else {
            (self.pongs, self.unansweredPing) = (0, nil)
        }
    }

    private func queueTurn(on eventLoop: any EventLoop) {
        guard !self.isQueued else { return }
        self.isQueued = true
        self.events.turns(on: eventLoop).append {
            self.isQueued = false
            self.resume(on: eventLoop)
        }
    }

    // MARK: - One turn

    /// Handles messages until all bytes are used up, the turn's budget is, or the client has as much unfinished as it may have; the first
    /// message has been waited for. The replies leave together.
    private func takeTurn(_ bytes: inout ByteBuffer, _ connection: Connection, on eventLoop: any EventLoop) {
        var budget = TurnBudget()
        self.isInTurn = true
        connection.cork()
        do throws(ProtocolViolation) {
            var isFirst = true
            while isFirst || self.mayHandle, let event = try self.next(&bytes, &budget) {
                isFirst = false
                self.messageEnded(by: event, connection)
                if self.isWithinRate(event, connection, on: eventLoop) { self.handle(event, connection, on: eventLoop) }
                guard self.stillCounts(connection) else {
                    bytes.clear()
                    break
                }
            }
        } catch {
            bytes.clear()
            connection.violationFound(error)
        }
        if bytes.readableBytes == 0, let ping = self.unansweredPing.take() { self.answer(ping, connection) }
        connection.uncork()
        self.isInTurn = false
        self.hasSpentTurn = budget.isSpent
        if bytes.readableBytes > 0, !budget.isSpent { return connection.stopsReading() }
        if bytes.readableBytes > 0 { self.queueTurn(on: eventLoop) }
        self.timeMessage(connection, on: eventLoop)
    }

    /// - Returns: nil when all bytes are used up, or the turn's budget is.
    private func next(_ bytes: inout ByteBuffer, _ budget: inout TurnBudget) throws(ProtocolViolation) -> MessageDecoder.Event? {
        while bytes.readableBytes > 0, !budget.isSpent {
            let (before, framesBefore) = (bytes.readableBytes, self.decoder.frameCount)
            let event: MessageDecoder.Event?
            if before <= Self.portionBytes {
                event = try self.decoder.next(&bytes)
            } else {
                guard var portion = bytes.getSlice(at: bytes.readerIndex, length: Self.portionBytes) else { return nil }
                event = try self.decoder.next(&portion)
                bytes.moveReaderIndex(forwardBy: Self.portionBytes - portion.readableBytes)
            }
            let used = before - bytes.readableBytes
            self.meter?.read(used)
            budget.read(frames: Int(self.decoder.frameCount &- framesBefore), bytes: used)
            if let event {
                budget.completed(bytes: event.payloadBytes)
                return event
            }
            // Behind the last frame.
            if used == 0 { bytes.clear() }
        }
        return nil
    }

    /// Whether what follows still means something: not behind a close frame or a violation. What a client that is gone had sent does, unless
    /// somebody has closed its connection since.
    private func stillCounts(_ connection: Connection) -> Bool {
        self.context == nil ? !connection.isDismissed : connection.mayReceive
    }

    private func handle(_ event: MessageDecoder.Event, _ connection: Connection, on eventLoop: any EventLoop) {
        switch event {
        case .text(let text): self.received(.text(text), connection, on: eventLoop)
        case .binary(let bytes): self.received(.binary(bytes), connection, on: eventLoop)
        case .ping(let payload):
            self.pongs += 1
            if self.pongs <= Self.maximumPongs { self.answer(payload, connection) } else { self.unansweredPing = payload }
        case .pong: break
        case .close(let code, _): connection.closeReceived(code: code)
        }
    }

    private func answer(_ ping: ByteBuffer, _ connection: Connection) {
        connection.sendControl(FrameEncoder.encode(opcode: .pong, payload: ping))
    }

    private func received(_ message: ClientMessage, _ connection: Connection, on eventLoop: any EventLoop) {
        let bytes = message.byteCount + Self.overheadBytes
        self.unfinishedMessages += 1
        self.unfinishedBytes += bytes
        if self.unfinishedMessages >= Self.maximumUnfinishedMessages || self.unfinishedBytes >= Self.maximumUnfinishedBytes {
            self.awaitsMessages = true
        }
        let me = NIOLoopBound(self, eventLoop: eventLoop)
        self.events.received(message, from: connection, on: eventLoop) {
            if eventLoop.inEventLoop {
                me.value.finishedMessage(bytes, on: eventLoop)
            } else {
                eventLoop.execute { me.value.finishedMessage(bytes, on: eventLoop) }
            }
        }
    }

    private func finishedMessage(_ bytes: Int, on eventLoop: any EventLoop) {
        self.unfinishedMessages -= 1
        self.unfinishedBytes -= bytes
        guard self.awaitsMessages, self.unfinishedMessages <= Self.resumingUnfinishedMessages,
            self.unfinishedBytes <= Self.maximumUnfinishedBytes / 2
        else { return }
        self.awaitsMessages = false
        self.resume(on: eventLoop)
    }

    // MARK: - Bounds

    private func messageEnded(by event: MessageDecoder.Event, _ connection: Connection) {
        switch event {
        case .text, .binary: connection.sawMessage()
        case .ping, .pong, .close: if self.decoder.isInMessage { return }
        }
        connection.messageIsOver()
    }

    private func isWithinRate(_ event: MessageDecoder.Event, _ connection: Connection, on eventLoop: any EventLoop) -> Bool {
        if case .close = event { return true }
        switch self.meter?.completed(now: eventLoop.now) {
        case nil, .pass:
            return true
        case .drop(let first):
            self.events.dropped(connection, isFirst: first, on: eventLoop)
        case .close:
            connection.end(for: .rate)
        }
        return false
    }

    /// A message that is not whole has its time from the first turn that ends in it.
    private func timeMessage(_ connection: Connection, on eventLoop: any EventLoop) {
        if self.decoder.isIncomplete { connection.messageIsIncomplete(now: eventLoop.now) } else { connection.messageIsOver() }
    }

    // MARK: - Back-pressure

    func read(context: ChannelHandlerContext) {
        self.handleHeld(on: context.eventLoop)
        if self.canRead {
            self.goOnReading(context)
        } else {
            self.heldRead = true
            // Waiting for a turn is a matter of milliseconds.
            if !self.mayHandle { self.connection?.stopsReading() }
        }
        self.settle(on: context.eventLoop)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.resume(on: context.eventLoop)
        context.fireChannelWritabilityChanged()
    }

    private var canRead: Bool { self.held.readableBytes == 0 && !self.isInTurn && !self.isQueued && self.mayHandle }

    /// A client that does not read is not listened to: its echoes would pile up. One that is being closed is, for its close frame.
    private var mayHandle: Bool {
        guard let connection, self.context != nil else { return !self.awaitsMessages }
        guard connection.isOpen else { return true }
        return connection.isWritable && !self.awaitsMessages
    }
}

@available(*, unavailable)
extension WebSocketHandler: Sendable {}

extension ClientMessage {
    fileprivate var byteCount: Int {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes.readableBytes
        }
    }
}

extension MessageDecoder.Event {
    fileprivate var payloadBytes: Int {
        switch self {
        case .text(let bytes), .binary(let bytes), .ping(let bytes), .pong(let bytes): bytes.readableBytes
        case .close: 0
        }
    }
}
