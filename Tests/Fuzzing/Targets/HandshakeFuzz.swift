import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import VolaryProtocol

@testable import VolaryNode

enum HandshakeFuzz {
    private static let endpoints: [Endpoint] = [.plain(Echo { 0 }, precision: .seconds), .echo(Echo { 0 })]
    private static let events = Endpoint.events(Echo { 0 }, precision: .seconds)

    private final class Heads: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart

        var heads: [HTTPRequestHead] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if case .head(let head) = self.unwrapInboundIn(data) { self.heads.append(head) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }

    /// For every request that NIO's parser accepts: an accepted handshake gets its Sec-WebSocket-Accept, and a refused one an
    /// error status.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let heads = Heads()
        let channel = EmbeddedChannel()
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        try? channel.pipeline.syncOperations.addHandlers([decoder, heads])
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: input))
        for head in heads.heads { try self.check(head) }
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    private static func check(_ head: HTTPRequestHead) throws(FuzzFailure) {
        _ = (WebSocketHandshake.isAskedFor(head), head.hasGoodHost)
        if head.method != .CONNECT, let request = head.inOriginForm {
            try hold(request.uri == "*" || request.uri.hasPrefix("/"), "\(head.uri) became \(request.uri)")
            try hold(request.uri == head.uri || request.hasGoodHost, "\(head.uri) changed although its host is invalid")
        }
        try self.checkEventStream(head)
        let client: WebSocketHandshake.Client
        do throws(WebSocketHandshake.Refusal) {
            client = try WebSocketHandshake.validate(head, endpoints: self.endpoints, acceptsUserQuery: true, compresses: true)
        } catch {
            return try hold((400...599).contains(error.problem.status.code), "\(error) is answered with \(error.problem.status)")
        }
        try hold(WebSocketHandshake.isAskedFor(head), "accepted without an upgrade request")
        let response = String(buffer: WebSocketHandshake.response(to: head, for: client))
        try hold(response.hasPrefix("HTTP/1.1 101 ") && response.hasSuffix("\r\n\r\n"), "accepted, but the answer is not 101")
        try hold(
            response.contains(/\r\nsec-websocket-accept: [A-Za-z0-9+\/]{27}=\r\n/),
            "answered without a valid Sec-WebSocket-Accept"
        )
    }

    /// An accepted request gets a whole head, whatever its fields are; a refused one an error status.
    private static func checkEventStream(_ head: HTTPRequestHead) throws(FuzzFailure) {
        _ = EventStreamHandshake.isAskedFor(head.uri)
        let client: WebSocketHandshake.Client
        do throws(WebSocketHandshake.Refusal) {
            client = try EventStreamHandshake.validate(head, endpoint: self.events, acceptsUserQuery: true)
        } catch {
            return try hold((400...599).contains(error.problem.status.code), "\(error) is answered with \(error.problem.status)")
        }
        try hold(client.groups.count <= 2048, "too many groups")
        let response = String(buffer: EventStreamHandshake.response(to: head))
        try hold(
            response.hasPrefix("HTTP/1.1 200 OK\r\n") && response.hasSuffix("\r\n\r\n"),
            "accepted, but the answer is not 200"
        )
        let lines = EventStreamHandshake.fields(of: head).count + 3
        try hold(response.utf8.split(separator: 0x0A, omittingEmptySubsequences: true).count == lines, "a field has a line feed")
    }

    static var seeds: [[UInt8]] {
        let rest = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        let extensions =
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: a, b\r\n"
        return [
            "GET /ws HTTP/1.1\r\n\(rest)\(key)\r\n", "GET /echo?user=ann%20b HTTP/1.1\r\n\(rest)\(key)\(extensions)\r\n",
            "GET /ws?user=ann&token=x HTTP/1.1\r\n\(rest)\(key)\r\n", "POST /ws HTTP/1.0\r\n\(rest)\r\n",
            "GET /events?hub=a&group=b%2Fc&group=d&welcome=on HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n\r\n",
            "GET http://[::1]:80/ws HTTP/1.1\r\n\(rest)\(key)\r\n",
        ].map { Array($0.utf8) }
    }
}
