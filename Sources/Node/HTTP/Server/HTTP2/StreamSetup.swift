import NIOCore
import NIOHTTP2

/// Sets up the streams of HTTP/2 connections.
struct StreamSetup: Sendable {
    let settings: HTTPSettings
    let isSecure: Bool
    let admission: Admission
    let webSockets: WebSocketUpgrade
    let connections: HTTP2Connections
    /// The queue of an event loop. Called on this loop.
    let turns: @Sendable (any EventLoop) -> TurnQueue
    /// Called with the answer to a request that no route may see.
    let refused: @Sendable (Problem) -> Void
    /// Called when what a client has sent before it left is dropped.
    let goneUnread: @Sendable () -> Void
    /// See ``ServerChannel/setUp(_:becameHTTP:)``.
    let becameHTTP: @Sendable (HTTPConnection) -> Bool

    /// Adds the handlers of a request that is not a WebSocket handshake, after all others.
    /// - Returns: false when the node accepts no more requests.
    func addRequestHandlers(to stream: any Channel, on connection: HTTP2Connection) throws -> Bool {
        let source = StreamRequests(settings: self.settings, on: connection)
        let handler = RequestHandler(source: source, settings: self.settings)
        try stream.pipeline.syncOperations.addHandlers([
            source,
            RequestDeadlines(bodyTimeout: self.settings.bodyTimeout, answerTimeout: self.settings.answerTimeout),
            HTTPErrorHandler(settings: self.settings, source: source, refused: self.refused),
            handler,
        ])
        return self.becameHTTP(HTTPConnection(channel: stream, isSecure: self.isSecure, handler: handler))
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// Adds the handlers of an HTTP/2 connection.
    /// - Parameters:
    ///   - place: the slot of the socket.
    ///   - timeout: maximum time until the first stream.
    func addHTTP2Handlers(_ streams: StreamSetup, place: ConnectionSlot, timeout: TimeAmount) throws {
        let eventLoop = self.eventLoop
        let settings = streams.settings
        let management = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: eventLoop,
            configuration: .init(maxIdleTime: settings.idleTimeout, maxAge: nil, maxGraceTime: nil, keepalive: nil)
        )
        let windows = FrameGatherer()
        let connection = HTTP2Connection(
            place: place,
            windows: windows,
            turns: StreamTurns(on: eventLoop),
            firstRequestTimeout: timeout,
            answerTimeout: settings.answerTimeout,
            siblings: streams.connections
        )
        let shared = NIOLoopBound(connection, eventLoop: eventLoop)
        let limits = HTTP2Settings(maximumStreams: settings.maximumStreams, maximumHeaderBytes: settings.maximumHeaderBytes)
        let configuration = limits.configuration
        let http2 = NIOHTTP2Handler(
            mode: .server,
            eventLoop: eventLoop,
            connectionConfiguration: configuration.connection,
            streamConfiguration: configuration.stream,
            streamDelegate: management.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(StreamStart(streams, on: shared.value))
            }
        }
        let input = FrameInput(
            turns: streams.turns(eventLoop),
            own: connection.turns,
            ends: connection.ends,
            dropped: streams.goneUnread
        )
        try self.addHandlers([input, windows, http2, connection, management])
        connection.begin()
    }
}

extension ChannelHandlerContext {
    /// Resets the stream if the end of its answer has not left in time: the client's window is closed.
    func resetStream(unless written: EventLoopFuture<Void>, within time: TimeAmount) {
        let timer = self.eventLoop.assumeIsolated().scheduleTask(in: time) { self.close(promise: nil) }
        written.assumeIsolated().whenComplete { _ in timer.cancel() }
    }
}
