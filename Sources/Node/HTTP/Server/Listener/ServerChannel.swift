import NIOCore
import NIOHTTP1

/// Sets up each accepted socket. It serves HTTP/2, or it serves HTTP/1.1 and becomes a WebSocket with the first accepted handshake.
struct ServerChannel: Sendable {
    let settings: HTTPSettings
    /// nil for plain TCP.
    let tls: ServerTLS?
    let tlsFailed: @Sendable (any Error) -> Void
    let admission: Admission
    let activity: ActivityLog
    let webSockets: WebSocketUpgrade
    let http2: HTTP2Connections
    /// The queue of an event loop. Called on this loop.
    let turns: @Sendable (any EventLoop) -> TurnQueue

    /// - Parameters:
    ///   - channel: a new channel; called on its event loop.
    ///   - becameHTTP: called with the first request of a connection that is not a WebSocket handshake, and with each such request of
    ///     HTTP/2. Returns false when the node accepts no more requests.
    func setUp(_ channel: any Channel, becameHTTP: @escaping @Sendable (HTTPConnection) -> Bool) throws {
        guard let place = try self.place(for: channel) else { return }
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        try channel.syncOptions?.receiveInSmallBuffers(isPlain: self.tls == nil)
        try self.tls?.addHandlers(to: channel, failed: self.tlsFailed)
        guard self.settings.acceptsHTTP2(isSecure: self.tls != nil) else {
            return try self.setUpHTTP1(channel, place, timeout: self.settings.handshakeTimeout, becameHTTP)
        }
        let timeout = self.settings.handshakeTimeout
        let negotiation = ProtocolNegotiation(isSecure: self.tls != nil, timeout: timeout) { version, rest in
            switch version {
            case .http1: try self.setUpHTTP1(channel, place, timeout: rest, becameHTTP)
            case .http2: try self.setUpHTTP2(channel, place, timeout: rest, becameHTTP)
            }
        }
        try channel.pipeline.syncOperations.addHandler(negotiation)
    }

    private func setUpHTTP1(
        _ channel: any Channel,
        _ place: ConnectionSlot,
        timeout: TimeAmount,
        _ becameHTTP: @escaping @Sendable (HTTPConnection) -> Bool
    ) throws {
        let (settings, isSecure) = (self.settings, self.tls != nil)
        try channel.pipeline.syncOperations.addHTTPHandlers(
            settings: settings,
            place: place,
            webSockets: self.webSockets,
            carrier: isSecure ? .tlsSocket : .plainSocket,
            timeout: timeout,
            turns: self.turns(channel.eventLoop),
            refused: self.activity.malformedRequestAnswered
        ) { channel, reader in
            let handler = RequestHandler(source: reader, settings: settings)
            try channel.pipeline.syncOperations.addHandler(handler)
            let connection = HTTPConnection(channel: channel, isSecure: isSecure, handler: handler)
            if !becameHTTP(connection) { channel.close(promise: nil) }
            return [handler]
        }
    }

    private func setUpHTTP2(
        _ channel: any Channel,
        _ place: ConnectionSlot,
        timeout: TimeAmount,
        _ becameHTTP: @escaping @Sendable (HTTPConnection) -> Bool
    ) throws {
        let streams = StreamSetup(
            settings: self.settings,
            isSecure: self.tls != nil,
            admission: self.admission,
            webSockets: self.webSockets,
            connections: self.http2,
            turns: self.turns,
            refused: self.activity.malformedRequestAnswered,
            goneUnread: self.activity.clientGoneUnread,
            becameHTTP: becameHTTP
        )
        try channel.pipeline.syncOperations.addHTTP2Handlers(streams, place: place, timeout: timeout)
    }

    /// Counts the socket, and reads the PROXY header if the socket comes from a proxy that sends one.
    /// - Returns: nil when the limit leaves no room for the socket; it is closed without an answer.
    private func place(for channel: any Channel) throws -> ConnectionSlot? {
        let place = ConnectionSlot(in: self.admission, peer: IPAddress(channel.remoteAddress))
        channel.closeFuture.assumeIsolated().whenComplete { _ in place.release() }
        guard !place.isRefused else {
            self.activity.socketRefused(.noRoom)
            channel.close(promise: nil)
            return nil
        }
        guard place.expectsProxyHeader else { return place }
        let activity = self.activity
        try channel.pipeline.syncOperations.addHandler(
            ProxyProtocolHandler { header in
                if let header { place.received(header) }
                guard header == nil || place.isRefused else { return }
                activity.socketRefused(header == nil ? .badProxyHeader : .noRoom)
                channel.close(promise: nil)
            }
        )
        return place
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// Adds the handlers that a connection needs before its first request.
    /// - Parameters:
    ///   - timeout: maximum time until the first complete head.
    ///   - turns: of the event loop.
    ///   - refused: called with the answer to bytes that are not a valid request.
    ///   - becomeHTTP: see ``HTTP1Handlers``.
    func addHTTPHandlers(
        settings: HTTPSettings,
        place: ConnectionSlot,
        webSockets: WebSocketUpgrade,
        carrier: WebSocketCarrier,
        timeout: TimeAmount,
        turns: TurnQueue,
        refused: @escaping @Sendable (Problem) -> Void = { _ in },
        becomeHTTP: @escaping (any Channel, RequestReader) throws -> [any RemovableChannelHandler]
    ) throws {
        // HTTPConnection and Problem set the length of each body.
        var framing = HTTPResponseEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false
        let encoder = HTTPResponseEncoder(configuration: framing)
        let chunkSizes = ChunkSizes(maximumBodyBytes: settings.maximumBodyBytes)
        let reader = RequestReader(settings: settings, chunkSizes: chunkSizes, turns: turns)
        let deadlines = RequestDeadlines(bodyTimeout: settings.bodyTimeout, answerTimeout: settings.answerTimeout)
        let errors = HTTPErrorHandler(settings: settings, source: reader, chunkSizes: chunkSizes, refused: refused)
        let upgrade = UpgradeHandler(
            webSockets: webSockets,
            carrier: carrier,
            place: place,
            timeout: timeout,
            handlers: HTTP1Handlers(encoder: encoder, reader: reader, others: [errors, deadlines], becomeHTTP: becomeHTTP)
        )
        try self.addHandlers([encoder, reader, deadlines, errors, upgrade])
    }
}
