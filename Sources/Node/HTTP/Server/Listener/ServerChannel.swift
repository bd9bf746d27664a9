import NIOCore
import NIOHTTP1

/// What a node makes of each accepted socket: HTTP for the router, or a WebSocket from the first request on that asks for one.
struct ServerChannel: Sendable {
    let settings: HTTPSettings
    /// Nil: plain.
    let tls: ServerTLS?
    let tlsFailed: @Sendable (any Error) -> Void
    let admission: Admission
    let activity: ActivityLog
    let webSockets: WebSocketUpgrade

    /// - Parameters:
    ///   - channel: just accepted; called on its event loop.
    ///   - becameHTTP: called when the first request is one for the router.
    func setUp(_ channel: any Channel, becameHTTP: @escaping @Sendable (HTTPConnection) -> Void) throws {
        guard let place = try self.place(for: channel) else { return }
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        try channel.syncOptions?.receiveInSmallBuffers(isPlain: self.tls == nil)
        try self.tls?.addHandlers(to: channel, failed: self.tlsFailed)
        let (settings, isSecure) = (self.settings, self.tls != nil)
        try channel.pipeline.syncOperations.addHTTPHandlers(
            settings: settings,
            place: place,
            webSockets: self.webSockets,
            refused: self.activity.malformedRequestAnswered
        ) { channel, reader in
            let handler = RequestHandler(source: reader, settings: settings)
            try channel.pipeline.syncOperations.addHandler(handler)
            becameHTTP(HTTPConnection(channel: channel, isSecure: isSecure, peer: place.peer, handler: handler))
            return [handler]
        }
    }

    /// Counts the socket, and lets its proxy, if it has one to speak for it, say whose it is.
    /// - Returns: nil when there is no room for it, not even for an answer; it is closed then.
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
    /// Adds what a connection needs until it is known what it is for.
    /// - Parameters:
    ///   - refused: called with the answer to what never became a request.
    ///   - becomeHTTP: as of ``UpgradeHandler``.
    func addHTTPHandlers(
        settings: HTTPSettings,
        place: ConnectionSlot,
        webSockets: WebSocketUpgrade,
        refused: @escaping @Sendable (Problem) -> Void = { _ in },
        becomeHTTP: @escaping (any Channel, RequestReader) throws -> [any RemovableChannelHandler]
    ) throws {
        // HTTPConnection and Problem say how long each body is.
        var framing = HTTPResponseEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false
        let encoder = HTTPResponseEncoder(configuration: framing)
        let chunkSizes = ChunkSizes(maximumBodyBytes: settings.maximumBodyBytes)
        let reader = RequestReader(settings: settings, chunkSizes: chunkSizes)
        let deadlines = RequestDeadlines(bodyTimeout: settings.bodyTimeout, answerTimeout: settings.answerTimeout)
        let errors = HTTPErrorHandler(settings: settings, source: reader, chunkSizes: chunkSizes, refused: refused)
        let upgrade = UpgradeHandler(
            webSockets: webSockets,
            place: place,
            timeout: settings.handshakeTimeout,
            encoder: encoder,
            reader: reader,
            others: [errors, deadlines]
        ) { try becomeHTTP($0, reader) }
        try self.addHandlers([encoder, reader, deadlines, errors, upgrade])
    }
}
