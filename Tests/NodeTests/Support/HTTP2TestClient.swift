import NIOConcurrencyHelpers
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import TestSupport

/// A client of HTTP/2 that sends and sees single frames, with NIO's codec. It checks nothing that it sends.
///
/// It gives window back for all that it receives, except on streams that it opens as deaf ones.
final class HTTP2TestClient: Sendable {
    struct Failure: Error {
        let text: String
    }

    struct State {
        var streams: [HTTP2StreamID: HTTP2TestStream.State] = [:]
        var nextID = 1
        var settings: [HTTP2SettingsParameter: Int]?
        var goAways: [HTTP2TestClient.GoAway] = []
        var isEnded = false
    }

    struct GoAway: Hashable, Sendable {
        let last: Int
        let code: HTTP2ErrorCode
    }

    let channel: any Channel
    let state: NIOLockedValueBox<State>

    private init(channel: any Channel, state: NIOLockedValueBox<State>) {
        self.channel = channel
        self.state = state
    }

    deinit { self.channel.close(promise: nil) }

    /// Returns when the server's settings have arrived.
    /// - Parameters:
    ///   - tls: nil for prior knowledge.
    ///   - window: the initial window of the client's streams.
    static func connect(port: Int, tls: TestTLS? = nil, window: Int = 65_535) async throws -> HTTP2TestClient {
        let state = NIOLockedValueBox(State())
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try tls?.addHandler(to: channel)
                    let http2 = NIOHTTP2Handler(
                        mode: .client,
                        initialSettings: [
                            HTTP2Setting(parameter: .enablePush, value: 0),
                            HTTP2Setting(parameter: .initialWindowSize, value: window),
                        ],
                        headerBlockValidation: .disabled,
                        contentLengthValidation: .disabled
                    )
                    try channel.pipeline.syncOperations.addHandlers([http2, FrameRecorder(state)])
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        let client = HTTP2TestClient(channel: channel, state: state)
        guard await eventually({ client.isEnded || client.settings != nil }), client.settings != nil else {
            throw Failure(text: "no settings")
        }
        return client
    }

    /// The server's settings; nil before they arrive.
    var settings: [HTTP2SettingsParameter: Int]? { self.state.withLockedValue { $0.settings } }

    var goAways: [GoAway] { self.state.withLockedValue { $0.goAways } }

    /// Whether the connection has ended.
    var isEnded: Bool { self.state.withLockedValue { $0.isEnded } }

    /// Stops reading from the kernel.
    func stopReading() async throws { try await self.channel.setOption(.autoRead, value: false).get() }

    func resumeReading() async throws { try await self.channel.setOption(.autoRead, value: true).get() }

    func close() async { try? await self.channel.close() }

    /// Changes the initial window of all streams.
    func setWindow(_ bytes: Int) async throws {
        let settings = HTTP2Settings([HTTP2Setting(parameter: .initialWindowSize, value: bytes)])
        try await self.channel.writeAndFlush(HTTP2Frame(streamID: .rootStream, payload: .settings(.settings(settings))))
    }

    // MARK: - Streams

    /// Opens a stream.
    /// - Parameters:
    ///   - ends: whether the client's half ends with the head.
    ///   - isDeaf: whether the client gives no window back.
    func open(_ fields: [(String, String)], ends: Bool, isDeaf: Bool = false) async throws -> HTTP2TestStream {
        let head = HPACKHeaders(fields)
        let (state, channel) = (self.state, self.channel)
        let id = try await channel.eventLoop.submit {
            let id = state.withLockedValue { state in
                let id = HTTP2StreamID(state.nextID)
                state.nextID += 2
                state.streams[id] = HTTP2TestStream.State(isDeaf: isDeaf)
                return id
            }
            channel.writeAndFlush(
                HTTP2Frame(streamID: id, payload: .headers(.init(headers: head, endStream: ends))),
                promise: nil
            )
            return id
        }.get()
        return HTTP2TestStream(client: self, id: id)
    }

    /// Sends a request, and its body at once.
    /// - Parameter body: nil for none.
    func send(
        _ method: String,
        _ path: String,
        _ fields: [(String, String)] = [],
        body: String? = nil
    ) async throws -> HTTP2TestStream {
        let head = [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)]
        let stream = try await self.open(head + fields, ends: body == nil)
        if let body { try await stream.send(Array(body.utf8), ends: true) }
        return stream
    }

    /// Sends a request and waits for its answer.
    func request(
        _ method: String,
        _ path: String,
        _ fields: [(String, String)] = [],
        body: String? = nil
    ) async throws -> HTTP2TestStream {
        let stream = try await self.send(method, path, fields, body: body)
        try await stream.waitForEnd()
        return stream
    }

    /// Sends the head of a WebSocket handshake.
    func connect(
        _ path: String = "/echo",
        _ fields: [(String, String)] = [("sec-websocket-version", "13")],
        protocol name: String = "websocket",
        ends: Bool = false,
        isDeaf: Bool = false
    ) async throws -> HTTP2TestStream {
        let head = [
            (":method", "CONNECT"), (":protocol", name), (":scheme", "http"), (":authority", "test"), (":path", path),
        ]
        return try await self.open(head + fields, ends: ends, isDeaf: isDeaf)
    }

    /// Opens a WebSocket.
    func webSocket(
        _ path: String = "/echo",
        _ fields: [(String, String)] = [],
        isDeaf: Bool = false
    ) async throws -> HTTP2TestStream {
        let stream = try await self.connect(path, [("sec-websocket-version", "13")] + fields, isDeaf: isDeaf)
        guard await eventually({ stream.status != nil || stream.isOver }), stream.status == 200 else {
            throw Failure(text: "no handshake: \(stream.status ?? 0), \(stream.body)")
        }
        return stream
    }
}

private final class FrameRecorder: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let state: NIOLockedValueBox<HTTP2TestClient.State>

    init(_ state: NIOLockedValueBox<HTTP2TestClient.State>) {
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        self.state.withLockedValue { $0.received(frame) }
        guard case .data(let data) = frame.payload, data.data.readableBytes > 0 else { return }
        self.grant(data.data.readableBytes, .rootStream, context)
        let isDeaf = self.state.withLockedValue { $0.streams[frame.streamID]?.isDeaf ?? true }
        if !isDeaf, !data.endStream { self.grant(data.data.readableBytes, frame.streamID, context) }
    }

    private func grant(_ bytes: Int, _ id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        let update = HTTP2Frame(streamID: id, payload: .windowUpdate(windowSizeIncrement: bytes))
        context.writeAndFlush(self.wrapOutboundOut(update), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { self.state.withLockedValue { $0.isEnded = true } }

    /// Errors of single streams come here, too.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is any NIOHTTP2Error) { context.close(promise: nil) }
    }
}

@available(*, unavailable)
extension FrameRecorder: Sendable {}

extension HTTP2TestClient.State {
    fileprivate mutating func received(_ frame: HTTP2Frame) {
        switch frame.payload {
        case .settings(.settings(let settings)):
            self.settings = Dictionary(settings.map { ($0.parameter, $0.value) }) { $1 }
        case .goAway(let last, let code, _): self.goAways.append(HTTP2TestClient.GoAway(last: Int(last), code: code))
        case .headers(let block):
            let isInformational = block.headers.first(name: ":status")?.hasPrefix("1") == true
            if isInformational {
                self.streams[frame.streamID]?.informational.append(block.headers)
            } else {
                self.streams[frame.streamID]?.head = block.headers
            }
            if block.endStream { self.streams[frame.streamID]?.hasEnd = true }
        case .data(let data):
            if case .byteBuffer(let bytes) = data.data { self.streams[frame.streamID]?.body.writeImmutableBuffer(bytes) }
            if data.endStream { self.streams[frame.streamID]?.hasEnd = true }
        case .rstStream(let code): self.streams[frame.streamID]?.reset = code
        case .windowUpdate(let bytes): self.streams[frame.streamID]?.granted += bytes
        default: break
        }
    }
}
