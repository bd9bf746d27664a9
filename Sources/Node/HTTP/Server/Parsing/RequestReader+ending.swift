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
        self.state = .lingering(dropped: 0)
        guard case .open = self.inputEnd else { return context.close(promise: nil) }
        self.close(in: Self.lingerTime, context)
        self.releaseRead(context)
    }

    /// Delays the next read so that bytes are dropped at no more than ``droppedBytesPerMicrosecond``.
    func readLater(dropped: Int, _ context: ChannelHandlerContext) {
        self.state = .lingering(dropped: 0)
        self.isReadHeld = true
        let pause = TimeAmount.microseconds(Int64(dropped / Self.droppedBytesPerMicrosecond))
        context.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            if let context = self.context { self.releaseRead(context) }
        }
    }

    func handOver(_ context: ChannelHandlerContext) {
        let rest = self.waiting.takeAll()
        let (isReadHeld, inputEnd, channel) = (self.isReadHeld, self.inputEnd, context.channel)
        if rest.readableBytes > 0 {
            context.fireChannelRead(NIOAny(rest))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        // The bytes that the client sent before have been handed over, and no more will come.
        guard case .open = inputEnd else { return channel.close(promise: nil) }
        if isReadHeld { channel.read() }
    }

    // MARK: - The client's half

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard (event as? ChannelEvent) == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        if case .open = self.inputEnd { self.inputEnd = .ended }
        if !self.isWorking { self.reportEnd(context) }
    }

    /// Reports the end of the client's half after all bytes before it. These are dropped if they are not wanted, or if a
    /// handshake is pending: a client that has closed its half needs no WebSocket.
    func reportEnd(_ context: ChannelHandlerContext) {
        guard case .ended = self.inputEnd else { return }
        switch self.state {
        case .leaving: return
        case .lingering: return context.close(promise: nil)
        case .ended: break
        case .paused: self.waiting = UndecodedBytes()
        case .reading:
            guard !self.waiting.hasNew else { return }
            self.feedEnd(context)
        }
        self.inputEnd = .reported
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
