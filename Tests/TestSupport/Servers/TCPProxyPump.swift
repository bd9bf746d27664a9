import NIOConcurrencyHelpers
import NIOCore

/// Forwards one direction of one connection of a ``TCPProxy``: the handler of the channel that it reads from.
final class TCPProxyPump: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// When more bytes than this wait, the source is not read any further.
    static let limitBytes = 64 * 1024

    private enum Item {
        case bytes(ByteBuffer)
        case end
    }

    let direction: TCPProxy.Direction
    /// Nil before the handler is added and after it is removed.
    private(set) var source: (any Channel)?
    private let destination: any Channel
    private let tally: NIOLockedValueBox<TCPProxy.Counters>
    /// The pump of the other direction: its source is this one's destination.
    weak var opposite: TCPProxyPump?
    var rewriter: (any StreamRewriter)?
    var onRemoval: ((ObjectIdentifier) -> Void)?
    private var queue = CircularBuffer<(due: NIODeadline, item: Item)>()
    private var queuedBytes = 0
    private var isReading = true
    /// Until the connection is cut.
    private var bytesLeft: Int?
    private var timer: Scheduled<Void>?

    var mode: TCPProxy.Mode {
        didSet {
            guard self.mode != oldValue else { return }
            self.bytesLeft = nil
            // The queue was delayed by the old mode. It is sent now, unless nothing passes.
            for index in self.queue.indices { self.queue[index].due = .now() }
            self.drain()
        }
    }

    init(
        _ direction: TCPProxy.Direction,
        to destination: any Channel,
        mode: TCPProxy.Mode,
        tally: NIOLockedValueBox<TCPProxy.Counters>
    ) {
        self.direction = direction
        self.destination = destination
        self.mode = mode
        self.tally = tally
    }

    func handlerAdded(context: ChannelHandlerContext) { self.source = context.channel }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        let count = bytes.readableBytes
        if case .replace(let others) = self.mode { bytes = ByteBuffer(bytes: others) }
        if let rewriter { bytes = rewriter.rewrite(bytes) }
        let isCut = self.cut(&bytes)
        self.tally.withLockedValue { tally in
            tally.bytes += count
            if self.mode != .pass { tally.hinderedBytes += count }
        }
        self.queuedBytes += bytes.readableBytes
        self.append(.bytes(bytes), bytes: bytes.readableBytes)
        if isCut { context.close(promise: nil) }
    }

    /// - Returns: whether the connection is to be closed, after what is left of the bytes.
    private func cut(_ bytes: inout ByteBuffer) -> Bool {
        guard case .cut(let limit) = self.mode else { return false }
        let left = self.bytesLeft ?? Int.random(in: 0...limit)
        self.bytesLeft = max(left - bytes.readableBytes, 0)
        guard left <= bytes.readableBytes else { return false }
        bytes = bytes.readSlice(length: left) ?? bytes
        return true
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.direction == .toClient { self.tally.withLockedValue { $0.serverEnds += 1 } }
        self.append(.end, bytes: 0)
    }

    /// The source is the destination of the other direction.
    func channelWritabilityChanged(context: ChannelHandlerContext) { self.opposite?.drain() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func append(_ item: Item, bytes: Int) {
        let now = NIODeadline.now()
        let due: NIODeadline =
            switch self.mode {
            case .pass, .hold, .replace, .cut: now
            case .delay(let time): now + TimeAmount(time)
            case .throttle(let rate):
                max(now, self.queue.last?.due ?? now) + .nanoseconds(Int64(bytes) * 1_000_000_000 / Int64(rate))
            }
        self.queue.append((due, item))
        self.drain()
    }

    private func drain() {
        self.timer?.cancel()
        self.timer = nil
        while self.mode != .hold, self.destination.isWritable || !self.destination.isActive, let first = self.queue.first {
            guard first.due <= .now() else {
                self.timer = self.destination.eventLoop.assumeIsolated().scheduleTask(deadline: first.due) { self.drain() }
                break
            }
            self.queue.removeFirst()
            switch first.item {
            case .bytes(let bytes):
                self.queuedBytes -= bytes.readableBytes
                self.destination.writeAndFlush(bytes, promise: nil)
            case .end:
                self.source = nil
                // Closed after the bytes that were written before.
                let destination = self.destination
                destination.writeAndFlush(ByteBuffer()).whenComplete { _ in destination.close(promise: nil) }
                self.onRemoval?(ObjectIdentifier(self))
            }
        }
        self.readOrNot()
    }

    private func readOrNot() {
        let reads = self.queuedBytes < Self.limitBytes
        guard reads != self.isReading, let source else { return }
        self.isReading = reads
        source.setOption(.autoRead, value: reads).whenComplete { _ in }
    }
}

@available(*, unavailable)
extension TCPProxyPump: Sendable {}
