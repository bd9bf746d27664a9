import NIOCore
import NIOHTTP1

/// How reading ends: the client ends its half of the connection, HTTP ends, or the connection does.
extension RequestReader {
    // MARK: - The connection

    func close(in time: TimeAmount, _ context: ChannelHandlerContext) {
        self.closing?.cancel()
        self.closing = context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
    }

    func linger() {
        guard case .ended = self.state, let context else { return }
        self.state = .lingering
        if self.isInputEnded { return context.close(promise: nil) }
        self.close(in: Self.lingerTime, context)
        self.releaseRead(context)
    }

    func handOver(_ context: ChannelHandlerContext) {
        let rest = self.waiting.takeAll()
        let (isReadHeld, isInputEnded, channel) = (self.isReadHeld, self.isInputEnded, context.channel)
        if rest.readableBytes > 0 {
            context.fireChannelRead(NIOAny(rest))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        // What the client had said counts, and it says nothing more.
        if isInputEnded { return channel.close(promise: nil) }
        if isReadHeld { channel.read() }
    }

    // MARK: - The client's half

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard (event as? ChannelEvent) == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        self.isInputEnded = true
        if !self.isWorking { self.tellEnd(context) }
    }

    /// Behind what came before it, unless that is not wanted or waits for a handshake: a client that has gone needs none.
    func tellEnd(_ context: ChannelHandlerContext) {
        guard self.isInputEnded, !self.isEndTold else { return }
        switch self.state {
        case .leaving: return
        case .lingering: return context.close(promise: nil)
        case .ended: break
        case .reading where self.isPaused: self.waiting = UndecodedBytes()
        case .reading:
            guard !self.waiting.hasNew else { return }
            self.feedEnd(context)
        }
        self.isEndTold = true
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// A request that is not whole has a fault.
    private func feedEnd(_ context: ChannelHandlerContext) {
        var rest = ByteBuffer()
        self.isWorking = true
        defer { self.isWorking = false }
        do {
            _ = try self.decoder.decodeLast(context: context, buffer: &rest, seenEOF: true)
        } catch {
            self.fail(error, in: rest, context)
        }
    }
}
