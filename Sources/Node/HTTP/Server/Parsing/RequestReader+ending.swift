import NIOCore
import NIOHTTP1

/// The end of reading: the client closes its half of the connection, no further requests are wanted, or the connection becomes a
/// WebSocket.
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
        // The bytes that the client sent before have been handed over, and no more will come.
        if isInputEnded { return channel.close(promise: nil) }
        if isReadHeld { channel.read() }
    }

    // MARK: - The client's half

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard (event as? ChannelEvent) == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        self.isInputEnded = true
        if !self.isWorking { self.tellEnd(context) }
    }

    /// Reports the end of the client's half after all bytes before it. These are dropped if they are not wanted, or if a
    /// handshake is pending: a client that has closed its half needs no WebSocket.
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

    /// An incomplete request is an error.
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
