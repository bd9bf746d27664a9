import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// A server's answer.
public struct HTTPTestResponse: Sendable {
    public let status: Int
    public let body: String
    private let headers: HTTPHeaders

    init(status: Int, headers: HTTPHeaders, body: String) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first value of a header; the case of the name does not matter.
    public subscript(header name: String) -> String? { self.headers.first(name: name) }

    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(self.body.utf8))
        } catch {
            throw HTTPTestClient.Failure(reason: "\(self.status) with an unexpected body: \(self.body.prefix(500)) (\(error))")
        }
    }
}

/// A small HTTP/1.1 client: one connection for each request.
public struct HTTPTestClient: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        let reason: String
        public var description: String { self.reason }
    }

    public let port: Int
    private let tls: TestTLS?
    private let preface: [UInt8]

    /// - Parameters:
    ///   - tls: nil for http.
    ///   - preface: sent before anything else, TLS included, like a proxy's header.
    public init(port: Int, tls: TestTLS? = nil, preface: [UInt8] = []) {
        self.port = port
        self.tls = tls
        self.preface = preface
    }

    /// - Parameters:
    ///   - target: path and query, already encoded.
    ///   - body: sent with its length, and as JSON unless the headers contain another type; nil for none.
    ///   - deadline: for the whole answer.
    public func request(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: String? = nil,
        within deadline: Duration = .seconds(30)
    ) async throws -> HTTPTestResponse {
        var fields = HTTPHeaders([("host", "127.0.0.1:\(self.port)"), ("connection", "close")])
        if body != nil { fields.add(name: "content-type", value: "application/json") }
        for (name, value) in headers { fields.replaceOrAdd(name: name, value: value) }
        if let body { fields.replaceOrAdd(name: "content-length", value: "\(body.utf8.count)") }
        let head = HTTPRequestHead(version: .http1_1, method: .init(rawValue: method), uri: target, headers: fields)
        let payload = body.map { ByteBuffer(string: $0) }

        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: HTTPTestResponse.self)
        let channel: any Channel
        let (tls, preface) = (self.tls, self.preface)
        do {
            channel = try await ClientBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Preface(bytes: preface))
                        try tls?.addHandler(to: channel)
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(AnswerHandler(answer: answer))
                    }
                }
                .connect(host: "127.0.0.1", port: self.port)
                .get()
        } catch {
            answer.fail(error)
            throw error
        }
        let timeout = eventLoop.scheduleTask(in: TimeAmount(deadline)) {
            answer.fail(Failure(reason: "no answer to \(method) \(target) within \(deadline)"))
        }
        defer {
            timeout.cancel()
            channel.close(promise: nil)
        }
        // A server may answer and close the connection before it has read the whole body. Only the answer counts.
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let payload { channel.write(HTTPClientRequestPart.body(.byteBuffer(payload)), promise: nil) }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return try await answer.futureResult.get()
    }

    private final class AnswerHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart

        private let answer: EventLoopPromise<HTTPTestResponse>
        private var head: HTTPResponseHead?
        private var body = ByteBuffer()

        init(answer: EventLoopPromise<HTTPTestResponse>) {
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body(var part): self.body.writeBuffer(&part)
            case .end:
                guard let head else { return }
                self.answer.succeed(
                    HTTPTestResponse(status: Int(head.status.code), headers: head.headers, body: String(buffer: self.body))
                )
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.answer.fail(Failure(reason: "the connection ended before the answer did"))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            // If the answer came before, the promise keeps it.
            self.answer.fail(error)
        }
    }
}
