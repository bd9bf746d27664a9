import NIOCore
import NIOHTTP2

/// Collects the frames that are written during one turn of the event loop, so that the frames of many streams leave in one TLS record
/// and one system call. Before NIO's HTTP/2 handler.
///
/// NIO writes the header and the payload of a frame separately, and its TLS handler makes one record of each write. A broadcast to a
/// hundred streams of a connection would be two hundred records and a hundred system calls.
///
/// This handler also closes the connection after a GOAWAY frame with an error. NIO's handler sends it and leaves the connection open.
/// NIO reports errors of streams in the same way as errors of the connection, so that the frame is the only certain sign.
///
/// And it holds back WINDOW_UPDATE frames. NIO gives the window of a stream back when the stream's channel has got the bytes. For bytes
/// that wait in a ``StreamInbox`` that is too early.
final class FrameGatherer: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = ByteBuffer

    /// Collected bytes at which they are written at once: 64 KiB, four TLS records. Above it NIO's back-pressure must take effect.
    private static let maximumBytes = 64 * 1024

    private var bytes = ByteBuffer()
    private var written: EventLoopPromise<Void>?
    private var isReading = false
    private var isFlushPlanned = false
    private var tracker = FrameTracker()
    private var context: ChannelHandlerContext?
    /// By stream, the window that is held back. Only streams with bytes in their inbox.
    private var heldWindows: [UInt32: UInt32] = [:]

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    // MARK: - Windows

    /// Gives the client no more window for a stream, until ``releaseWindow(of:)``.
    func holdWindow(of stream: any Channel) { self.heldWindows[stream.streamID] = 0 }

    /// Gives back what was held, and later windows at once.
    func releaseWindow(of stream: any Channel) {
        let id = stream.streamID
        guard let window = self.heldWindows.removeValue(forKey: id), window > 0, let context else { return }
        self.tracker.insert(.windowUpdate(stream: id, by: window), into: &self.bytes)
        self.flush(context: context)
    }

    /// Call when a stream with a held window is closed.
    func forgetWindow(of stream: any Channel) { self.heldWindows[stream.streamID] = nil }

    // MARK: - Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .byteBuffer(let more) = self.unwrapOutboundIn(data) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        if let update = self.tracker.sees(more), let held = self.heldWindows[update.stream] {
            self.heldWindows[update.stream] = held + update.increment
            promise?.succeed()
            return
        }
        self.bytes.writeImmutableBuffer(more)
        self.tracker.written(to: &self.bytes)
        if let promise {
            if let written { written.futureResult.cascade(to: promise) } else { self.written = promise }
        }
        // Not between the two writes of a frame: a write may call back, and NIO may then write another frame.
        if self.bytes.readableBytes >= Self.maximumBytes, !self.tracker.expectsPayload { self.writeOut(context) }
    }

    func flush(context: ChannelHandlerContext) {
        if self.tracker.hasConnectionError { return self.end(context) }
        guard !self.isReading, !self.isFlushPlanned else { return }
        self.isFlushPlanned = true
        context.eventLoop.assumeIsolated().execute {
            self.isFlushPlanned = false
            self.writeOut(context)
        }
    }

    private func writeOut(_ context: ChannelHandlerContext) {
        guard self.bytes.readableBytes > 0 else { return }
        let (bytes, written) = (self.bytes, self.written)
        self.bytes = ByteBuffer()
        self.written = nil
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: written)
    }

    /// Ends the connection with GOAWAY and `ENHANCE_YOUR_CALM` (RFC 9113 section 6.8).
    private func endFlood(_ context: ChannelHandlerContext) {
        self.tracker.insert(.enhanceYourCalm, into: &self.bytes)
        self.end(context)
    }

    private func end(_ context: ChannelHandlerContext) {
        self.writeOut(context)
        context.close(promise: nil)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.writeOut(context)
        context.close(mode: mode, promise: promise)
    }

    // MARK: - Reading

    /// Replies to a read are written at its end.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.isReading = true
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Without bytes the client has ended its half. A write that fails closes the channel, which NIO does not expect before it has
        // said so (a failed assertion in a debug build). What waits is written by a flush that is planned.
        guard self.isReading else { return }
        self.isReading = false
        self.writeOut(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is FrameFlood { self.endFlood(context) } else { context.fireErrorCaught(error) }
    }

    // MARK: - The end

    func channelInactive(context: ChannelHandlerContext) {
        self.drop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.drop() }

    private func drop() {
        self.context = nil
        self.bytes = ByteBuffer()
        self.written?.fail(ChannelError.ioOnClosedChannel)
        self.written = nil
    }
}

@available(*, unavailable)
extension FrameGatherer: Sendable {}

extension Channel {
    /// The number of the stream that this channel is.
    fileprivate var streamID: UInt32 {
        var id = HTTP2StreamID.rootStream
        // Completed already: the channel is on this event loop.
        self.getOption(HTTP2StreamChannelOptions.streamID).assumeIsolated().whenSuccess { id = $0 }
        return UInt32(Int(id))
    }
}
