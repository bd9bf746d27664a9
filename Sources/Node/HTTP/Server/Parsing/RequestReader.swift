import NIOCore
import NIOHTTP1

/// Decodes requests, and reads no more from the client than the node needs. It is before all other HTTP handlers, and it is the
/// only place that buffers bytes of a client that is not a WebSocket yet.
///
/// NIO's `ByteToMessageHandler` buffers any number of bytes after a request that asks for an upgrade, and decodes thousands of
/// small requests from one read. This handler decodes a few at a time, and what is left of a read waits for turns in the event
/// loop's ``TurnQueue``, see ``DecodingTurn``: no client of the loop delays the others. It neither decodes nor reads while the
/// maximum of requests is buffered (``isFull``), while a handshake is pending (``pause()``), and after ``end()``.
///
/// Not reading is not enough as a limit: when a client closes its half of the connection, NIO reads everything that the kernel
/// holds at once, some MiB. Bytes above ``bound`` are dropped, as if they had never been sent.
final class RequestReader: ChannelDuplexHandler, RemovableChannelHandler, RequestSource {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = Never

    /// Maximum of buffered bytes, without a header field and a body: 64 KiB, the same as one read.
    static let waitingBytes = 64 * 1024

    /// Maximum time for a client to close its half of the connection after the last answer: 2 s.
    static let lingerTime = TimeAmount.seconds(2)

    /// Maximum rate at which the bytes of a client are read and dropped in this time: 8 per microsecond, 8 MB/s. A client that
    /// keeps sending could otherwise occupy the event loop with reads of bytes that nobody needs.
    static let droppedBytesPerMicrosecond = 8

    let decoder: HTTPRequestDecoder
    private let chunkSizes: ChunkSizes
    private let turns: TurnQueue
    let settings: HTTPSettings
    var context: ChannelHandlerContext?
    var state = State.reading
    var waiting = UndecodedBytes()
    var isWorking = false
    private var turn = DecodingTurn()
    /// Whether bytes wait for the next turn. Nothing is decoded or read until then.
    private var isQueued = false
    var hasTurn: Bool { self.isQueued }
    var isReadHeld = false
    var inputEnd = InputEnd.open
    var closing: Scheduled<Void>?

    /// Whether the maximum of requests or parts is buffered after this handler.
    var isFull = false {
        didSet { if oldValue, !self.isFull { self.resumeDecoding() } }
    }

    /// Number of additional bytes that may be buffered: the rest of a body that is being collected.
    var bodyBytes = 0

    /// - Parameters:
    ///   - settings: this uses the limits of a request's head and the answer timeout.
    ///   - chunkSizes: gets the decoded parts.
    ///   - turns: of the channel's event loop.
    init(settings: HTTPSettings, chunkSizes: ChunkSizes, turns: TurnQueue) {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = settings.maximumHeaderBytes
        limits.maxHeaderFieldSize = settings.maximumHeaderBytes
        limits.maxHeaderFieldCount = settings.maximumHeaderFields
        self.decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
        self.chunkSizes = chunkSizes
        self.turns = turns
        self.settings = settings
    }

    // MARK: - For the handlers behind it

    /// Number of buffered bytes.
    var count: Int { self.waiting.count }

    /// Maximum of buffered bytes, including one incomplete header field.
    var bound: Int { Self.waitingBytes + self.settings.maximumHeaderBytes + self.bodyBytes }

    /// Pauses decoding and reading, because a handshake waits for its turn or its answer. If the client closes its half, this
    /// is reported at once.
    func pause() {
        if case .reading = self.state { self.state = .paused }
    }

    /// Ends the requests: buffered and later bytes are dropped. Nothing is read until the last answer has been sent.
    func end() {
        switch self.state {
        case .reading, .paused:
            self.state = .ended
            self.waiting = UndecodedBytes()
        case .ended, .lingering, .leaving: break
        }
    }

    /// Like ``end()``. In addition, the connection is closed when the client has closed its half, at most ``lingerTime`` after
    /// the last answer.
    ///
    /// Only the first call counts, so that the timeout of a body that nobody reads does not prolong the time.
    /// - Parameter answered: completed when the last answer has been sent. If the client does not read it, the connection is
    ///   closed after the answer timeout.
    func end(after answered: EventLoopFuture<Void>) {
        self.end()
        guard self.closing == nil, let context else { return }
        self.close(in: self.settings.answerTimeout, context)
        answered.assumeIsolated().whenComplete { _ in self.linger() }
    }

    /// Passes the buffered bytes to the next handler, and leaves the pipeline, at once or after the part of a request that is
    /// being passed on.
    func leave() {
        self.state = .leaving
        if !self.isWorking, let context { self.handOver(context) }
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.decoder.decoderAdded(context: context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.decoder.decoderRemoved(context: context)
        self.closing?.cancel()
        self.context = nil
        self.waiting = UndecodedBytes()
    }

    // MARK: - Reading

    func read(context: ChannelHandlerContext) {
        if case .lingering(let dropped) = self.state, dropped > 0 { return self.readLater(dropped: dropped, context) }
        self.isReadHeld = !self.canRead
        if !self.isReadHeld { context.read() }
    }

    private var canRead: Bool {
        switch self.state {
        case .reading: !self.isFull && !self.isQueued
        case .paused, .ended: false
        case .lingering, .leaving: true
        }
    }

    func releaseRead(_ context: ChannelHandlerContext) {
        guard self.isReadHeld, self.canRead else { return }
        self.isReadHeld = false
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.state {
        case .reading, .paused: break
        case .lingering(let dropped):
            self.state = .lingering(dropped: dropped + self.unwrapInboundIn(data).readableBytes)
            return
        case .ended, .leaving: return
        }
        guard case .open = self.inputEnd else { return }
        self.waiting.append(self.unwrapInboundIn(data))
        guard !self.isWorking else { return }
        if !self.isQueued { self.turn.begin() }
        self.isWorking = true
        self.decode(context)
        self.isWorking = false
        self.worked(context)
    }

    /// Decodes the buffered bytes after a pause, as if they had just been read.
    private func resumeDecoding() {
        guard !self.isWorking, let context else { return }
        self.isWorking = true
        while self.mayDecode {
            self.decode(context)
            // Later handlers take what is available, so that more can be decoded.
            context.fireChannelReadComplete()
        }
        self.isWorking = false
        self.worked(context)
    }

    private func worked(_ context: ChannelHandlerContext) {
        if case .leaving = self.state { return self.handOver(context) }
        if self.waiting.cut(to: self.bound), case .open = self.inputEnd { self.inputEnd = .ended }
        self.reportEnd(context)
        self.releaseRead(context)
    }

    private var mayDecode: Bool {
        guard case .reading = self.state else { return false }
        return !self.isFull && !self.isQueued && self.waiting.hasNew
    }

    private func decode(_ context: ChannelHandlerContext) {
        while self.mayDecode, let piece = self.waiting.piece(of: self.turn.pieceBytes) {
            self.turn.beginPiece(now: context.eventLoop.now)
            var rest = piece
            do {
                _ = try self.decoder.decode(context: context, buffer: &rest)
                try self.chunkSizes.check(piece, leaving: rest.readableBytes)
            } catch {
                // Errors after the last request are ignored (RFC 9112 section 9.6).
                switch self.state {
                case .reading, .paused: self.fail(error, in: piece, context)
                case .ended, .lingering, .leaving: break
                }
                return
            }
            switch self.state {
            case .reading, .paused, .leaving: self.waiting.decoded(piece, leaving: rest)
            case .ended, .lingering: return
            }
            let (heads, parts) = self.chunkSizes.takeCounts()
            self.turn.endPiece(bytes: piece.readableBytes, heads: heads, parts: parts, now: context.eventLoop.now)
            if self.turn.isSpent, self.waiting.hasNew { self.queueTurn() }
        }
    }

    private func queueTurn() {
        self.isQueued = true
        self.turns.append {
            self.isQueued = false
            self.turn.begin()
            self.resumeDecoding()
            // If the maximum is buffered, the requests are those of the turn before.
            if self.turn.heads > 0 || self.isFull { self.turns.causedWork(DecodingTurn.laterWork) }
        }
    }

    /// A decoder that has failed accepts no more bytes.
    func fail(_ error: any Error, in piece: ByteBuffer, _ context: ChannelHandlerContext) {
        self.end()
        let isHuge = error as? HTTPParserError == .invalidContentLength && HugeContentLength.isLast(in: piece.readableBytesView)
        context.fireErrorCaught(isHuge ? HugeContentLength() : error)
    }
}

@available(*, unavailable)
extension RequestReader: Sendable {}
