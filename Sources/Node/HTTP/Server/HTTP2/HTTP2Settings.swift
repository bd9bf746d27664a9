import NIOCore
import NIOHTTP2

/// The limits of an HTTP/2 connection (RFC 9113 section 6.5.2), shared by all connections of a node.
struct HTTP2Settings: Sendable {
    /// Requests in progress on one connection that are not WebSockets: 128, more than browsers send at once. Further streams are
    /// refused with `REFUSED_STREAM`, so that clients send them again. A connection holds at most 128 times 128 KiB of bodies that
    /// nobody has read: ``RequestHandler/heldBodyBytes`` and the window of a stream.
    static let maximumRequests = 128

    /// Bytes that a client may send on a stream before the node has handled them: 64 KiB, the default of HTTP/2.
    static let streamWindow = 65_535

    /// The same for all streams of a connection together: 1 MiB. It is given back when bytes arrive, so that a stream that is
    /// not read delays no other stream.
    static let connectionWindow = 1024 * 1024

    /// Unsent bytes from which a stream is not writable, and below which it is again: as NIO's defaults for a socket.
    static let highWaterMark = 64 * 1024
    static let lowWaterMark = 32 * 1024

    /// Resets by the client in 30 seconds, above which the connection ends with `ENHANCE_YOUR_CALM` (CVE-2023-44487): 300. A page that is
    /// closed resets all of its WebSockets at once, and Chromium opens up to 255 for a page. Each costs a connection 8 bytes.
    static let maximumResets = 300

    /// Streams reset by the node whose later frames are ignored: 511. A client learns of a reset one round trip later, and a frame of
    /// a stream that is no longer remembered ends the connection. Each costs 8 bytes, in advance.
    static let rememberedResets = 512

    /// Pings, settings and priorities of the client in 30 seconds: 100. A frame of settings may change the window of all streams two
    /// thousand times.
    static let maximumControls = 100

    /// Frames that wait for a client that does not read, without data: 1,000 and one for each stream. Above it the connection ends.
    var maximumControlFrames: Int { 1000 + self.maximumStreams }

    /// Maximum of open streams on one connection: WebSockets and requests.
    let maximumStreams: Int
    /// Maximum size of a request's header fields in bytes. The decoder accepts twice this size, so that the node can answer 431; a
    /// still larger block of fields ends the connection.
    let maximumHeaderBytes: Int

    /// The configuration of NIO's handler. Its limits for other floods are NIO's defaults: 5 CONTINUATION frames, 200 stream errors in 30
    /// seconds and in all. See also ``FrameInput`` and ``FrameSplitter``.
    var configuration: NIOHTTP2Handler.Configuration {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: self.maximumStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 2 * self.maximumHeaderBytes),
            // RFC 8441 section 3: extended CONNECT is accepted.
            HTTP2Setting(parameter: .enableConnectProtocol, value: 1),
        ]
        connection.maximumBufferedControlFrames = self.maximumControlFrames
        connection.controlFrameRateLimit.maximumCount = Self.maximumControls
        // NIO counts all of a connection that has WebSockets only. They cost a client its own turns.
        connection.maximumSequentialEmptyDataFrames = .max
        connection.targetWindowSize = Self.connectionWindow
        connection.maximumRecentlyResetStreams = Self.rememberedResets
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = Self.streamWindow
        stream.outboundBufferSizeHighWatermark = Self.highWaterMark
        stream.outboundBufferSizeLowWatermark = Self.lowWaterMark
        stream.streamResetFrameRateLimit.maximumCount = Self.maximumResets
        return NIOHTTP2Handler.Configuration(connection: connection, stream: stream)
    }
}
