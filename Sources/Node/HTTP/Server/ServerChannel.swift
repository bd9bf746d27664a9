import NIOCore
import NIOHTTP1

/// What a node makes of each accepted socket: HTTP for the router, or a WebSocket from the first request on that asks for one.
struct ServerChannel: Sendable {
    let settings: HTTPSettings
    /// Nil: plain.
    let tls: ServerTLS?
    let tlsFailed: @Sendable (any Error) -> Void
    let admission: Admission
    let metrics: NodeMetrics
    let activity: ActivityLog
    let acceptsConnections: @Sendable () -> Bool
    let keepsConnections: @Sendable () -> Bool
    let acceptsUserQuery: Bool
    let compresses: Bool
    let webSocketAdmission: WebSocketAdmission
    let makeWebSocketHandler: @Sendable (WebSocketAdmission.AdmittedClient) -> WebSocketHandler

    /// - Parameters:
    ///   - channel: just accepted; called on its event loop.
    ///   - becameHTTP: called when the first request is one for the router.
    func setUp(_ channel: any Channel, becameHTTP: @escaping @Sendable (HTTPConnection) -> Void) throws {
        guard let place = try self.place(for: channel) else { return }
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        try channel.syncOptions?.receiveInSmallBuffers(isPlain: self.tls == nil)
        try self.tls?.addHandlers(to: channel, failed: self.tlsFailed)
        let (metrics, activity) = (self.metrics, self.activity)
        let delegate = UpgradeHandler.Delegate(
            acceptsConnections: self.acceptsConnections,
            keepsConnections: self.keepsConnections,
            acceptsUserQuery: self.acceptsUserQuery,
            compresses: self.compresses,
            admission: self.webSocketAdmission,
            refused: { refusal, request in
                if case .overLimit = refusal { metrics.connectionRefused() }
                activity.handshakeRefused(refusal, request)
            },
            makeWebSocketHandler: self.makeWebSocketHandler,
            becomeHTTP: { channel, reader in
                let handler = RequestHandler(reader: reader, settings: self.settings)
                try channel.pipeline.syncOperations.addHandler(handler)
                becameHTTP(HTTPConnection(channel: channel, isSecure: self.tls != nil, handler: handler))
                return [handler]
            }
        )
        try channel.pipeline.syncOperations.addHTTPHandlers(
            settings: self.settings,
            place: place,
            delegate: delegate,
            refused: self.activity.malformedRequestAnswered
        )
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
    /// - Parameter refused: called with the answer to what never became a request.
    func addHTTPHandlers(
        settings: HTTPSettings,
        place: ConnectionSlot,
        delegate: UpgradeHandler.Delegate,
        refused: @escaping @Sendable (Problem) -> Void = { _ in }
    ) throws {
        let encoder = HTTPResponseEncoder()
        let reader = RequestReader(settings: settings)
        let deadlines = RequestDeadlines(bodyTimeout: settings.bodyTimeout, answerTimeout: settings.answerTimeout)
        let errors = HTTPErrorHandler(settings: settings, reader: reader, refused: refused)
        let upgrade = UpgradeHandler(
            delegate: delegate,
            place: place,
            timeout: settings.handshakeTimeout,
            encoder: encoder,
            reader: reader,
            others: [errors, deadlines]
        )
        try self.addHandlers([encoder, reader, deadlines, errors, upgrade])
    }
}
