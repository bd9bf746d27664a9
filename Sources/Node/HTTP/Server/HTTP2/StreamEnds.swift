import NIOCore
import NIOHPACK
import NIOHTTP2

/// How the node's half of a stream ends if nothing carries END_STREAM: with a DATA frame without data. Belongs to the event loop of
/// one HTTP/2 connection.
///
/// Such a frame needs no window, so NIO's handler sends it also when the window is negative. Then it ends the process. A window becomes
/// negative when the client makes the initial window smaller (RFC 9113 section 6.9.2). From then on, streams of the connection
/// end with a frame of header fields that has none. After a CONNECT that is not allowed (section 8.5), but few clients check it, and
/// no known one makes its windows smaller. Streams whose end still waits then are reset.
final class StreamEnds {
    private var windowsShrank = false
    private var waiting: [ObjectIdentifier: any Channel] = [:]

    /// - Returns: the frame that ends the stream.
    func end(of stream: any Channel, written: EventLoopFuture<Void>) -> HTTP2Frame.FramePayload {
        let id = ObjectIdentifier(stream)
        self.waiting[id] = stream
        written.assumeIsolated().whenComplete { _ in self.waiting[id] = nil }
        guard self.windowsShrank else { return .data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)) }
        return .headers(.init(headers: [:], endStream: true))
    }

    /// Call before NIO's handler gets the new initial window, and only while the client reads: else NIO keeps resets back.
    func windowsShrink() {
        self.windowsShrank = true
        for stream in self.waiting.values { stream.close(promise: nil) }
    }
}

@available(*, unavailable)
extension StreamEnds: Sendable {}
