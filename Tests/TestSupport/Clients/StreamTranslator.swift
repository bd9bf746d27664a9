import NIOCore
import NIOHPACK
import NIOHTTP2

/// Makes a stream of HTTP/2 look like a connection of HTTP/1.1 to a client: the head of its request becomes a HEADERS frame, that of a
/// WebSocket handshake an extended CONNECT (RFC 8441), and the head of the answer becomes text again.
final class StreamTranslator: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// Of an HTTP/1.1 connection, or replaced by pseudo-headers.
    private static let notForwarded: Set = ["host", "connection", "upgrade", "sec-websocket-key"]

    /// The request as far as it has come; nil behind its head.
    private var head: ByteBuffer? = ByteBuffer()
    private var isHandshake = false
    /// Bytes of the body that have not been sent.
    private var missingBytes = 0
    private var hasEnded = false

    // MARK: - From the client

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = self.unwrapOutboundIn(data)
        if var head {
            head.writeBuffer(&bytes)
            guard let end = head.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) else {
                self.head = head
                promise?.succeed()
                return
            }
            let text = String(decoding: head.readableBytesView[..<end.lowerBound], as: UTF8.self)
            head.moveReaderIndex(to: end.upperBound)
            self.head = nil
            let fields = self.request(text)
            // A request without a body ends with its head.
            self.hasEnded = self.missingBytes == 0 && !self.isHandshake
            let headers = HTTP2Frame.FramePayload.headers(.init(headers: fields, endStream: self.hasEnded))
            context.write(self.wrapOutboundOut(headers), promise: head.readableBytes == 0 ? promise : nil)
            guard head.readableBytes > 0 else { return }
            bytes = head
        }
        self.missingBytes -= bytes.readableBytes
        self.hasEnded = self.missingBytes <= 0 && !self.isHandshake
        let data = HTTP2Frame.FramePayload.Data(data: .byteBuffer(bytes), endStream: self.hasEnded)
        context.write(self.wrapOutboundOut(.data(data)), promise: promise)
    }

    private func request(_ text: String) -> HPACKHeaders {
        var lines = text.split(separator: "\r\n")[...]
        let words = (lines.popFirst() ?? "").split(separator: " ")
        let fields = lines.map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (name: parts[0].lowercased(), value: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
        self.isHandshake = fields.contains { $0.name == "upgrade" && $0.value == "websocket" }
        var headers = HPACKHeaders()
        headers.add(name: ":method", value: self.isHandshake ? "CONNECT" : String(words[0]))
        if self.isHandshake { headers.add(name: ":protocol", value: "websocket") }
        headers.add(name: ":scheme", value: "http")
        headers.add(name: ":authority", value: fields.first { $0.name == "host" }?.value ?? "test")
        headers.add(name: ":path", value: String(words[1]))
        for (name, value) in fields where !Self.notForwarded.contains(name) { headers.add(name: name, value: value) }
        self.missingBytes = fields.first { $0.name == "content-length" }.flatMap { Int($0.value) } ?? 0
        return headers
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        guard !self.hasEnded else {
            promise?.succeed()
            return
        }
        self.hasEnded = true
        let end = HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true))
        context.writeAndFlush(self.wrapOutboundOut(end), promise: promise)
    }

    // MARK: - From the server

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .headers(let block):
            let status = block.headers.first(name: ":status") ?? ""
            let line = "HTTP/1.1 \(self.isHandshake && status == "200" ? "101" : status) \r\n"
            let fields = block.headers.lazy.filter { !$0.name.hasPrefix(":") }.map { "\($0.name): \($0.value)\r\n" }
            context.fireChannelRead(self.wrapInboundOut(ByteBuffer(string: line + fields.joined() + "\r\n")))
            if block.endStream { context.close(promise: nil) }
        case .data(let data):
            if case .byteBuffer(let bytes) = data.data { context.fireChannelRead(self.wrapInboundOut(bytes)) }
            if data.endStream { context.close(promise: nil) }
        default: break
        }
    }
}

@available(*, unavailable)
extension StreamTranslator: Sendable {}

/// Reports the server's settings. Belongs into the channel of the connection.
final class ServerSettings: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private let received: () -> Void

    init(received: @escaping () -> Void) {
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .settings(.settings) = self.unwrapInboundIn(data).payload { self.received() }
        context.fireChannelRead(data)
    }
}

@available(*, unavailable)
extension ServerSettings: Sendable {}
