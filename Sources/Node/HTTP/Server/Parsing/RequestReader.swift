import NIOCore
import NIOHTTP1

/// Makes requests of what a client sends, and takes no more of it than the node has use for: the one place where bytes of a client wait that
/// is not a WebSocket yet, in front of everything else that HTTP needs.
///
/// NIO's `ByteToMessageHandler` keeps without a bound what follows a request that asks for an upgrade, and makes thousands of small requests
/// of one read. This one decodes ``pieceBytes`` at a time, and neither decodes nor reads while requests wait (``isFull``), while a handshake
/// does (``pause()``), and when nothing that comes is wanted any more (``end()``).
///
/// Not reading is no bound by itself: when a client ends its half of the connection, NIO reads at once all that the kernel has of it, some
/// MiB. What is past ``bound`` then is dropped, and counts as never sent.
final class RequestReader: ChannelDuplexHandler, RemovableChannelHandler, RequestSource {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = Never

    enum State {
        case reading
        /// Nothing that comes is wanted: it is dropped, and nothing is read. The last answer is still to come.
        case ended
        /// What comes is read and dropped, until the client ends its half: closed with unread bytes, a socket takes the answer with it.
        case lingering
        /// The rest is for what comes behind HTTP.
        case leaving
    }

    /// Of what is decoded at a time: 16 KiB, the smallest requests of which take some 200 KiB in memory.
    static let pieceBytes = 16 * 1024

    /// Of what waits here: 64 KiB, as much as one read brings.
    static let waitingBytes = 64 * 1024

    /// For a client to end its half of the connection behind the last answer.
    static let lingerTime = TimeAmount.seconds(2)

    let decoder: HTTPRequestDecoder
    private let chunkSizes: ChunkSizes
    private let maximumHeaderBytes: Int
    let answerTimeout: TimeAmount
    var context: ChannelHandlerContext?
    var state = State.reading
    var waiting = UndecodedBytes()
    var isWorking = false
    var isPaused = false
    var isReadHeld = false
    var isInputEnded = false
    var isEndTold = false
    var closing: Scheduled<Void>?

    /// Whether as many requests, or parts of one, wait behind this handler as may.
    var isFull = false {
        didSet { if oldValue, !self.isFull { self.goOn() } }
    }

    /// Further bytes that may wait here: of a body that is being collected, what may still come.
    var bodyBytes = 0

    /// - Parameters:
    ///   - settings: of these, the limits of a request's head, and the time for an answer to be read.
    ///   - chunkSizes: is told of the parts that are made here.
    init(settings: HTTPSettings, chunkSizes: ChunkSizes) {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = settings.maximumHeaderBytes
        limits.maxHeaderFieldSize = settings.maximumHeaderBytes
        limits.maxHeaderFieldCount = settings.maximumHeaderFields
        self.decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
        self.chunkSizes = chunkSizes
        self.maximumHeaderBytes = settings.maximumHeaderBytes
        self.answerTimeout = settings.answerTimeout
    }

    // MARK: - For the handlers behind it

    /// Bytes that wait here.
    var count: Int { self.waiting.count }

    /// Of what may wait here, one field included that is not whole.
    var bound: Int { Self.waitingBytes + self.maximumHeaderBytes + self.bodyBytes }

    /// Nothing is decoded or read for now: a handshake waits for its turn, or for its answer. The end of the client's half is told at once.
    func pause() { self.isPaused = true }

    func resume() {
        self.isPaused = false
        self.goOn()
    }

    /// There will be no further request: all that waits here, and all that comes, is dropped. Until the last answer is out, nothing is read.
    func end() {
        guard case .reading = self.state else { return }
        self.state = .ended
        self.waiting = UndecodedBytes()
    }

    /// As ``end()``; and the connection is closed when the client has ended its half, ``lingerTime`` after the last answer at the latest.
    /// - Parameter answered: the last answer is out. For a client that does not read it, the connection is closed after the time of an answer.
    func end(after answered: EventLoopFuture<Void>) {
        self.end()
        guard let context else { return }
        self.close(in: self.answerTimeout, context)
        answered.assumeIsolated().whenComplete { _ in self.linger() }
    }

    /// Hands what waits here to the next handler, as bytes, and leaves the pipeline; at once, or when the part of a request that is being
    /// handed on has been.
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
        self.isReadHeld = !self.canRead
        if !self.isReadHeld { context.read() }
    }

    private var canRead: Bool {
        switch self.state {
        case .reading: !self.isFull && !self.isPaused
        case .ended: false
        case .lingering, .leaving: true
        }
    }

    func releaseRead(_ context: ChannelHandlerContext) {
        guard self.isReadHeld, self.canRead else { return }
        self.isReadHeld = false
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .reading = self.state, !self.isInputEnded else { return }
        self.waiting.append(self.unwrapInboundIn(data))
        guard !self.isWorking else { return }
        self.isWorking = true
        self.decode(context)
        self.isWorking = false
        self.worked(context)
    }

    /// Decodes what waits, after a pause, as if it had just been read.
    private func goOn() {
        guard !self.isWorking, let context else { return }
        self.isWorking = true
        while self.mayDecode {
            self.decode(context)
            // Whoever waits for this may take what there is, so that more can be decoded.
            context.fireChannelReadComplete()
        }
        self.isWorking = false
        self.worked(context)
    }

    private func worked(_ context: ChannelHandlerContext) {
        if case .leaving = self.state { return self.handOver(context) }
        if self.waiting.cut(to: self.bound) { self.isInputEnded = true }
        self.tellEnd(context)
        self.releaseRead(context)
    }

    private var mayDecode: Bool {
        guard case .reading = self.state else { return false }
        return !self.isFull && !self.isPaused && self.waiting.hasNew
    }

    private func decode(_ context: ChannelHandlerContext) {
        while self.mayDecode, let piece = self.waiting.piece(of: Self.pieceBytes) {
            var rest = piece
            do {
                _ = try self.decoder.decode(context: context, buffer: &rest)
                try self.chunkSizes.check(piece)
            } catch {
                // Behind the last request nothing is wrong: RFC 9112 section 9.6 has it ignored.
                if case .reading = self.state { self.fail(error, in: piece, context) }
                return
            }
            switch self.state {
            case .reading, .leaving: self.waiting.decoded(piece, leaving: rest)
            case .ended, .lingering: return
            }
        }
    }

    /// A decoder that has failed takes nothing any more.
    func fail(_ error: any Error, in piece: ByteBuffer, _ context: ChannelHandlerContext) {
        self.end()
        let isHuge = error as? HTTPParserError == .invalidContentLength && HugeContentLength.isLast(in: piece.readableBytesView)
        context.fireErrorCaught(isHuge ? HugeContentLength() : error)
    }
}

@available(*, unavailable)
extension RequestReader: Sendable {}
