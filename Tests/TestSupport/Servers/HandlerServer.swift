import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// An event handler of an application: an HTTP/1.1 server on its own loopback port that keeps what it gets, and answers as a test
/// says.
public final class HandlerServer: Sendable {
    public struct Request: Sendable {
        public let method: String
        public let target: String
        /// In the order of arrival.
        public let fields: [(name: String, value: String)]
        public let body: [UInt8]

        public var text: String { String(decoding: self.body, as: UTF8.self) }

        /// The first value of a field, whose name has any case.
        public subscript(name: String) -> String? {
            self.fields.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        /// `ce-eventName`; `validate` for a question for permission.
        public var event: String { self.method == "POST" ? self["ce-eventName"] ?? "" : "validate" }
    }

    /// What a handler answers.
    public struct Answer: Sendable {
        public enum Manner: Sendable {
            case whole
            /// One byte of the body a second.
            case slowly
            /// Closes the connection instead.
            case not
            /// These bytes instead of HTTP.
            case raw(String)
        }

        public var status: Int
        public var fields: [(String, String)]
        public var body: [UInt8]
        public var manner = Manner.whole

        public init(_ status: Int = 204, _ fields: [(String, String)] = [], _ body: String = "", _ manner: Manner = .whole) {
            self.init(status, fields, bytes: Array(body.utf8))
            self.manner = manner
        }

        public init(_ status: Int, _ fields: [(String, String)], bytes: [UInt8]) {
            self.status = status
            self.fields = fields
            self.body = bytes
        }

        /// Permission for everyone.
        public static let permission = Answer(200, [("WebHook-Allowed-Origin", "*")])
    }

    public let port: Int
    private let channel: any Channel
    private let log: NIOLockedValueBox<[Request]>
    private let connections: NIOLockedValueBox<[any Channel]>

    /// - Parameter answer: called for each request. Requests of different connections do not wait for each other.
    public static func start(
        port: Int = 0,
        _ answer: @escaping @Sendable (Request) async -> Answer
    ) async throws -> HandlerServer {
        let log = NIOLockedValueBox<[Request]>([])
        let connections = NIOLockedValueBox<[any Channel]>([])
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                connections.withLockedValue { $0.append(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        HandlerConnection { request in
                            log.withLockedValue { $0.append(request) }
                            return await answer(request)
                        }
                    )
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return HandlerServer(channel: channel, port: channel.localAddress?.port ?? 0, log: log, connections: connections)
    }

    private init(
        channel: any Channel,
        port: Int,
        log: NIOLockedValueBox<[Request]>,
        connections: NIOLockedValueBox<[any Channel]>
    ) {
        self.channel = channel
        self.port = port
        self.log = log
        self.connections = connections
    }

    deinit { self.channel.close(promise: nil) }

    /// Accepts no connections any more.
    public func stop() async { try? await self.channel.close() }

    /// Accepts no connections any more, and closes all that there are.
    public func cut() async {
        await self.stop()
        for connection in self.connections.withLockedValue({ $0 }) { try? await connection.close() }
    }

    public var url: String { "http://127.0.0.1:\(self.port)/{hub}/{event}" }

    /// All events so far, without questions for permission.
    public var events: [Request] { self.log.withLockedValue { $0.filter { $0.method == "POST" } } }

    public var requests: [Request] { self.log.withLockedValue { $0 } }

    /// The first event of this name, once it has arrived.
    public func event(_ name: String, within deadline: Duration = .seconds(30)) async -> Request? {
        _ = await eventually(within: deadline) { self.events.contains { $0.event == name } }
        return self.events.first { $0.event == name }
    }
}

private final class HandlerConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: @Sendable (HandlerServer.Request) async -> HandlerServer.Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(answer: @escaping @Sendable (HandlerServer.Request) async -> HandlerServer.Answer) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            self.body = []
        case .body(let part): self.body += Array(buffer: part)
        case .end:
            guard let head = self.head.take() else { return }
            let request = HandlerServer.Request(
                method: head.method.rawValue,
                target: head.uri,
                fields: head.headers.map { ($0.name, $0.value) },
                body: self.body
            )
            let (answer, eventLoop) = (self.answer, context.eventLoop)
            let bound = NIOLoopBound((self, context), eventLoop: eventLoop)
            Task {
                let reply = await answer(request)
                eventLoop.execute {
                    let (handler, context) = bound.value
                    handler.write(reply, context)
                }
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func write(_ answer: HandlerServer.Answer, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        switch answer.manner {
        case .not: return context.close(promise: nil)
        case .raw(let text):
            // Past the encoder, which is the handler next to the socket.
            let encoder = try? context.channel.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
            encoder?.writeAndFlush(NIOAny(IOData.byteBuffer(ByteBuffer(string: text))), promise: written)
            return
        case .whole, .slowly: break
        }
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status))
        for (name, value) in answer.fields { head.headers.add(name: name, value: value) }
        if answer.status != 204 { head.headers.replaceOrAdd(name: "content-length", value: "\(answer.body.count)") }
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        guard case .slowly = answer.manner else {
            if !answer.body.isEmpty {
                context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
            }
            return context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        }
        context.flush()
        self.writeSlowly(context)
    }

    private func writeSlowly(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "x")))), promise: nil)
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.writeSlowly(context) }
    }
}
