import NIOCore
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// The request for an event stream, `GET /events`: validates it, and makes the head of the answer.
enum EventStreamHandshake {
    static let path = "/events"

    /// Fields of the answer, in lower case. nginx would collect events without the last one.
    private static let fields: [(name: String, value: String)] = [
        ("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no"),
    ]

    /// Whether a GET request, which asks for no upgrade, asks for an event stream.
    /// - Parameter target: path and query. A slash may follow the path.
    static func isAskedFor(_ target: String) -> Bool {
        let path = target.utf8
        guard path.starts(with: self.path.utf8) else { return false }
        var rest = path.dropFirst(self.path.utf8.count)
        if rest.first == UInt8(ascii: "/") { rest = rest.dropFirst() }
        return rest.isEmpty || rest.first == UInt8(ascii: "?")
    }

    /// Whether a GET request, which asks for no upgrade, asks for the event stream of a client of SignalR.
    static func isAskedFor(_ target: String, accept: [String]) -> Bool {
        target.utf8.starts(with: "/hubs/".utf8) && accept.contains { $0.lowercased().contains("text/event-stream") }
    }

    /// - Returns: the contents of the request of a client of SignalR.
    static func validate(
        _ request: HTTPRequestHead,
        endpoints: [Endpoint],
        acceptsUserQuery: Bool
    ) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        guard !WebSocketHandshake.declaresBody(request) else { throw .hasBody }
        let endpoint = endpoints.first { !$0.chosen.isEmpty && $0.match(target: request.uri) != .none }
        guard let endpoint, case .hub(let hub) = endpoint.match(target: request.uri) else { throw .unknownPath }
        return WebSocketHandshake.Client(
            endpoint: endpoint,
            hub: hub,
            spoken: endpoint.standard,
            user: try WebSocketHandshake.user(ofTarget: request.uri, accepted: acceptsUserQuery),
            carrier: .eventStream
        )
    }

    /// - Returns: the contents of the request. Its groups are those that the query names; whether the client may join them is checked
    ///   with its token.
    static func validate(
        _ request: HTTPRequestHead,
        endpoint: Endpoint,
        acceptsUserQuery: Bool
    ) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        guard !WebSocketHandshake.declaresBody(request) else { throw .hasBody }
        let hubs = HandshakeQuery.values(of: "hub", inTarget: request.uri)
        guard hubs.count <= 1 else { throw .badHub }
        var hub = HubName.default
        if let text = hubs.first {
            guard let name = PercentEncoding.decode(text).flatMap({ HubName($0.string) }) else { throw .badHub }
            hub = name
        }
        var client = WebSocketHandshake.Client(
            endpoint: endpoint,
            hub: hub,
            spoken: endpoint.standard,
            user: try WebSocketHandshake.user(ofTarget: request.uri, accepted: acceptsUserQuery),
            wantsWelcome: try WebSocketHandshake.wantsWelcome(request.uri),
            carrier: .eventStream
        )
        // Not with `hasRoom`, which would add up all names for each of them.
        var bytes = 0
        for text in HandshakeQuery.values(of: "group", inTarget: request.uri) {
            guard let group = PercentEncoding.decode(text).flatMap({ AudienceName($0) }) else { throw .badGroup }
            bytes += group.byteCount
            client.groups.insert(group)
            guard client.groups.count <= endpoint.groupLimits.groups, bytes <= endpoint.groupLimits.bytes else { throw .badGroup }
        }
        client.parameters = HandshakeQuery.parameters(ofTarget: request.uri)
        client.lastEventID = request.headers.first(name: "last-event-id").flatMap { $0.isEmpty ? nil : $0 }
        return client
    }

    /// The fields of the answer that begins the stream.
    static func fields(of request: HTTPRequestHead) -> [(name: String, value: String)] {
        guard let origin = request.headers.only("origin") else { return self.fields }
        // Only allowed pages get here.
        let fields = self.fields + [("access-control-allow-origin", origin), ("vary", "origin")]
        // Browsers' clients of SignalR ask with credentials.
        return self.isAskedFor(request.uri) ? fields : fields + [("access-control-allow-credentials", "true")]
    }

    /// The head of the answer over HTTP/1.1. The stream ends with the connection.
    static func response(to request: HTTPRequestHead) -> ByteBuffer {
        var response = ByteBuffer()
        response.writeStaticString("HTTP/1.1 200 OK\r\nconnection: close\r\n")
        for (name, value) in self.fields(of: request) { response.writeString("\(name): \(value)\r\n") }
        response.writeStaticString("\r\n")
        return response
    }
}
