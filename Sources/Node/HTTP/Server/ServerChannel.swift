import NIOCore
import NIOHTTP1

/// What a node makes of each accepted socket: a WebSocket if its first request asks for one, else HTTP for the router.
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
    let makeWebSocketHandler: @Sendable (WebSocketAdmission.Guest) -> WebSocketHandler

    /// - Parameters:
    ///   - channel: just accepted; called on its event loop.
    ///   - becameHTTP: called when the first request is one for the router.
    func setUp(_ channel: any Channel, becameHTTP: @escaping @Sendable (HTTPConnection) -> Void) throws {
        guard let place = try self.place(for: channel) else { return }
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        if self.tls == nil { try channel.syncOptions?.beginWithSmallReceiveBuffer() }
        try self.tls?.addHandlers(to: channel, failed: self.tlsFailed)
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = self.settings.maximumHeaderBytes
        limits.maxHeaderFieldSize = self.settings.maximumHeaderBytes
        limits.maxHeaderFieldCount = self.settings.maximumHeaderFields
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
        )
        let errors = HTTPErrorHandler(settings: self.settings, refused: self.activity.malformedRequestAnswered)
        let deadlines = RequestDeadlines(
            bodyTimeout: self.settings.bodyTimeout,
            answerTimeout: self.settings.answerTimeout
        )
        let upgrade = UpgradeHandler(
            delegate: UpgradeHandler.Delegate(
                acceptsConnections: self.acceptsConnections,
                keepsConnections: self.keepsConnections,
                acceptsUserQuery: self.acceptsUserQuery,
                compresses: self.compresses,
                admission: self.webSocketAdmission,
                noPlace: self.metrics.connectionRefused,
                refused: self.activity.handshakeRefused,
                makeWebSocketHandler: self.makeWebSocketHandler,
                becomeHTTP: { becameHTTP(try self.addHTTPHandler($0)) }
            ),
            place: place,
            timeout: self.settings.handshakeTimeout,
            encoder: encoder,
            decoder: decoder,
            others: [errors, deadlines]
        )
        try channel.pipeline.syncOperations.addHandlers([encoder, decoder, deadlines, errors, upgrade])
    }

    /// Counts the socket, and lets its proxy, if it has one to speak for it, say whose it is.
    /// - Returns: nil when there is no room for it, not even for an answer; it is closed then.
    private func place(for channel: any Channel) throws -> Place? {
        let place = Place(in: self.admission, peer: IPAddress(channel.remoteAddress))
        channel.closeFuture.assumeIsolated().whenComplete { _ in place.leave() }
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

    private func addHTTPHandler(_ channel: any Channel) throws -> HTTPConnection {
        let handler = RequestHandler(idleTimeout: self.settings.idleTimeout)
        try channel.pipeline.syncOperations.addHandler(handler)
        return HTTPConnection(channel: channel, isSecure: self.tls != nil, handler: handler)
    }
}
