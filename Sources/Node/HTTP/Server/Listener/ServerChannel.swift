import NIOCore
import NIOHTTP1

/// Sets up each accepted socket. It serves HTTP, and becomes a WebSocket with the first accepted handshake.
struct ServerChannel: Sendable {
    let settings: HTTPSettings
    /// nil for plain TCP.
    let tls: ServerTLS?
    let tlsFailed: @Sendable (any Error) -> Void
    let admission: Admission
    let activity: ActivityLog
    let webSockets: WebSocketUpgrade

    /// - Parameters:
    ///   - channel: a new channel; called on its event loop.
    ///   - becameHTTP: called with the first request that is not a WebSocket handshake.
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
            becameHTTP(HTTPConnection(channel: channel, isSecure: isSecure, handler: handler))
            return [handler]
        }
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
    ///   - refused: called with the answer to bytes that are not a valid request.
    ///   - becomeHTTP: see ``UpgradeHandler``.
    func addHTTPHandlers(
        settings: HTTPSettings,
        place: ConnectionSlot,
        webSockets: WebSocketUpgrade,
        refused: @escaping @Sendable (Problem) -> Void = { _ in },
        becomeHTTP: @escaping (any Channel, RequestReader) throws -> [any RemovableChannelHandler]
    ) throws {
        // HTTPConnection and Problem set the length of each body.
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
