import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

/// A client that uses neither code of the product nor NIO's WebSocket code.
final class TestClient: Sendable {
    struct Failure: Error {
        let text: String
    }

    fileprivate struct State {
        var unread = ByteBuffer()
        var isWebSocket = false
        var frames: [ServerFrame] = []
        var isClosed = false
    }

    /// Includes a connection that has been closed in the meantime.
    let localPort: Int?
    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    private init(channel: any Channel, state: NIOLockedValueBox<State>) {
        self.localPort = channel.localAddress?.port
        self.channel = channel
        self.state = state
    }

    /// A plain TCP connection. Its bytes are frames at once, or after the handshake of ``open(port:path:fields:answersClose:receiveBuffer:)``.
    /// - Parameter receiveBuffer: bytes that the kernel keeps for the client; nil for the system's default.
    static func connect(
        port: Int,
        isWebSocket: Bool,
        answersClose: Bool = true,
        receiveBuffer: Int? = nil
    ) async throws -> TestClient {
        let state = NIOLockedValueBox(State(isWebSocket: isWebSocket))
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        return
            try await bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(state: state, answersClose: answersClose))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            // On the event loop, because the server may close the connection before a busy machine continues here.
            .map { TestClient(channel: $0, state: state) }
            .get()
    }

    /// - Parameters:
    ///   - fields: header fields of the handshake, in addition to the required ones.
    ///   - answersClose: whether the client answers a close frame, as it should.
    ///   - receiveBuffer: see ``connect(port:isWebSocket:answersClose:receiveBuffer:)``.
    static func open(
        port: Int,
        path: String = "/ws",
        fields: [String] = [],
        answersClose: Bool = true,
        receiveBuffer: Int? = nil
    ) async throws -> TestClient {
        let client = try await self.connect(
            port: port,
            isWebSocket: false,
            answersClose: answersClose,
            receiveBuffer: receiveBuffer
        )
        client.write(HandshakeRequest.bytes(path: path, fields: fields))
        let isAnswered = await eventually {
            client.isClosed || client.state.withLockedValue { $0.head != nil }
        }
        let head = client.state.withLockedValue { state in
            defer { state.startFrames() }
            return state.head ?? ""
        }
        guard isAnswered, head.hasPrefix("HTTP/1.1 101 ") else { throw Failure(text: "no handshake: \(head)") }
        return client
    }

    var isClosed: Bool { self.state.withLockedValue { $0.isClosed } }
    var frames: [ServerFrame] { self.state.withLockedValue { $0.frames } }

    /// The `message` members of the plain protocol's texts of one type.
    func messages(_ type: String = "message") -> [String] {
        self.frames.compactMap { frame in
            guard case .text(let text) = frame,
                let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
                object["type"] as? String == type
            else { return nil }
            return object["message"] as? String
        }
    }

    func write(_ bytes: [UInt8]) { self.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    /// Stops reading from the kernel.
    func stopReading() async throws { try await self.channel.setOption(.autoRead, value: false).get() }

    func resumeReading() async throws { try await self.channel.setOption(.autoRead, value: true).get() }

    func close() async { try? await self.channel.close() }
}

extension TestClient.State {
    /// The head of an answer, once it is complete.
    fileprivate var head: String? {
        let end = Array("\r\n\r\n".utf8)
        guard let range = self.unread.readableBytesView.firstRange(of: end) else { return nil }
        return String(decoding: self.unread.readableBytesView[..<range.upperBound], as: UTF8.self)
    }

    fileprivate mutating func startFrames() {
        self.unread.moveReaderIndex(forwardBy: self.head?.utf8.count ?? 0)
        self.isWebSocket = true
        self.frames += ServerFrame.read(&self.unread)
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let state: NIOLockedValueBox<TestClient.State>
    private let answersClose: Bool

    init(state: NIOLockedValueBox<TestClient.State>, answersClose: Bool) {
        self.state = state
        self.answersClose = answersClose
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        let closes = self.state.withLockedValue { state in
            state.unread.writeBuffer(&bytes)
            guard state.isWebSocket else { return false }
            let frames = ServerFrame.read(&state.unread)
            state.frames += frames
            return frames.contains { if case .close = $0 { true } else { false } }
        }
        guard closes, self.answersClose else { return }
        let answer = ByteBuffer(bytes: ClientFrame.close(1000))
        context.writeAndFlush(self.wrapOutboundOut(answer)).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.state.withLockedValue { $0.isClosed = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension Collector: Sendable {}
