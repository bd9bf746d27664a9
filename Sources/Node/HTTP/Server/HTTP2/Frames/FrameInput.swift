import NIOCore

/// Passes the client's frames to NIO's HTTP/2 handler, in turns: no client of an event loop delays the others, however many frames one
/// read has. Before ``FrameGatherer``.
///
/// A turn ends after ``maximumHeads`` frames of header fields, after ``maximumFrames``, or after ``maximumTime``. The other frames of
/// the read wait in the event loop's ``TurnQueue``, and nothing more is read until they have been passed on. They also wait while the
/// client does not read: its requests would only add to the answers that wait for it.
///
/// The end of the client's half waits behind the frames. It ends the connection: clients of HTTP/2 end their streams instead. When the
/// channel is closed, the data that waits is passed on at once, and nothing else: what a client has said before it left.
final class FrameInput: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Frames of header fields in a turn: 8. Most of the work of a request comes after the turn.
    static let maximumHeads = 8
    /// Frames in a turn: 64.
    static let maximumFrames = 64
    /// Time after which a turn ends: 100 us. A frame is not interrupted.
    static let maximumTime = TimeAmount.microseconds(100)
    /// Maximum of bytes that wait: 1 MiB. One read brings at most 256 KiB, but when a client closes its connection, NIO reads
    /// everything that the kernel holds at once. Above the maximum, all of it is dropped, and the connection is closed.
    static let maximumBytes = 1024 * 1024

    /// About the time of a simple request, most of which comes after the turn: 100 us.
    private static let requestTime = TimeAmount.microseconds(100)

    private var frames = FrameSplitter()
    private let turns: TurnQueue
    private let own: StreamTurns
    private let ends: StreamEnds
    private let dropped: () -> Void
    private var turn = Turn()
    /// Whether frames wait, for a turn or for the client. Also during their turns: a stream that is read reads its connection.
    private var isQueued = false
    private var isWaitingForClient = false
    private var isReadHeld = false
    /// What has come behind the frames that wait; called after them.
    private var afterFrames: (() -> Void)?
    /// Whether the node closes the connection. Frames are dropped then.
    private var isClosing = false
    /// A close by the node that waits for the end of the turn, and the end of the channel that waits for the end of the current frame.
    /// NIO's handler forgets streams only once it has been told that the read is complete. Without that they would never be freed.
    private var heldClose: EventLoopPromise<Void>?
    private var isPassing = false
    private var isGone = false

    private struct Turn {
        private var frames = 0
        private var heads = 0
        private var end = NIODeadline.distantFuture
        private(set) var isSpent = false

        /// Whether frames have been passed on, so that NIO's handler must be told that the read is complete.
        var hasBegun: Bool { self.frames > 0 }

        mutating func beginFrame(now: @autoclosure () -> NIODeadline) {
            if self.frames == 0 { self.end = now() + FrameInput.maximumTime }
            self.frames += 1
        }

        mutating func countHead() { self.heads += 1 }

        mutating func endFrame(now: @autoclosure () -> NIODeadline) {
            self.isSpent =
                self.heads >= FrameInput.maximumHeads || self.frames >= FrameInput.maximumFrames || now() >= self.end
        }
    }

    /// - Parameters:
    ///   - turns: of the channel's event loop.
    ///   - own: of the connection.
    ///   - ends: of the connection.
    ///   - dropped: called when more than ``maximumBytes`` of a client that closes its connection are dropped.
    init(turns: TurnQueue, own: StreamTurns, ends: StreamEnds, dropped: @escaping () -> Void) {
        self.turns = turns
        self.own = own
        self.ends = ends
        self.dropped = dropped
    }

    func read(context: ChannelHandlerContext) {
        self.isReadHeld = self.isQueued
        if !self.isReadHeld { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isClosing else { return }
        self.frames.append(self.unwrapInboundIn(data))
        guard self.frames.byteCount <= Self.maximumBytes else {
            self.dropped()
            return self.close(context: context, mode: .all, promise: nil)
        }
        if !self.isQueued { self.passFrames(context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !self.isQueued { self.endTurn(context) }
    }

    // MARK: - Turns

    private func passFrames(_ context: ChannelHandlerContext) {
        // NIO's handler must begin no stream once the channel is closed: its count of streams would be wrong, which ends the process.
        self.isPassing = true
        while !self.turn.isSpent, !self.isClosing, context.channel.isActive, context.channel.isWritable,
            let frame = self.frames.next()
        {
            self.turn.beginFrame(now: context.eventLoop.now)
            switch frame {
            case .headers(let bytes):
                self.turn.countHead()
                self.turns.causedWork(Self.requestTime)
                context.fireChannelRead(self.wrapInboundOut(bytes))
            case .data(let bytes), .other(let bytes): context.fireChannelRead(self.wrapInboundOut(bytes))
            case .shrinkingWindows(let bytes):
                self.ends.windowsShrink()
                context.fireChannelRead(self.wrapInboundOut(bytes))
            case .tooManySettings: context.fireErrorCaught(FrameFlood())
            }
            self.turn.endFrame(now: context.eventLoop.now)
        }
        self.isPassing = false
        if self.isGone { self.tellGone(context) }
    }

    private func endTurn(_ context: ChannelHandlerContext) {
        guard !self.isGone else { return }
        self.turn = Turn()
        self.isQueued = self.frames.hasFrame && !self.isClosing
        if self.isQueued { self.queueTurn(context) } else { self.frames.compact() }
        context.fireChannelReadComplete()
        if let heldClose = self.heldClose.take() { context.close(promise: heldClose) }
        guard !self.isQueued else { return }
        if let afterFrames = self.afterFrames.take() { return afterFrames() }
        guard self.isReadHeld else { return }
        self.isReadHeld = false
        context.read()
    }

    private func queueTurn(_ context: ChannelHandlerContext) {
        self.isWaitingForClient = !context.channel.isWritable
        if !self.isWaitingForClient { self.turns.append(of: self.own) { self.takeTurn(context) } }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if self.isWaitingForClient { self.queueTurn(context) }
        context.fireChannelWritabilityChanged()
    }

    private func takeTurn(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        self.passFrames(context)
        self.endTurn(context)
    }

    // MARK: - The end

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .output else { return context.close(mode: mode, promise: promise) }
        self.drop()
        guard self.turn.hasBegun, context.channel.isActive else { return context.close(mode: mode, promise: promise) }
        let held = self.heldClose ?? context.eventLoop.makePromise(of: Void.self)
        self.heldClose = held
        if let promise { held.futureResult.cascade(to: promise) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        self.behindFrames { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.behindFrames { context.fireErrorCaught(error) }
    }

    private func behindFrames(_ action: @escaping () -> Void) {
        if !self.isQueued { action() } else if self.afterFrames == nil { self.afterFrames = action }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.isPassing { self.isGone = true } else { self.tellGone(context) }
    }

    private func tellGone(_ context: ChannelHandlerContext) {
        self.isGone = true
        let rest = self.frames.takeData()
        self.drop()
        for frame in rest { context.fireChannelRead(self.wrapInboundOut(frame)) }
        if self.turn.hasBegun || !rest.isEmpty { context.fireChannelReadComplete() }
        self.turn = Turn()
        self.heldClose?.succeed()
        self.heldClose = nil
        context.fireChannelInactive()
    }

    private func drop() {
        self.isClosing = true
        self.afterFrames = nil
        self.frames = FrameSplitter()
    }
}

@available(*, unavailable)
extension FrameInput: Sendable {}

/// The client has sent more than any client needs: the connection ends with `ENHANCE_YOUR_CALM`.
struct FrameFlood: Error {}
