import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryNode

/// A node with an event handler.
struct HandlerNode {
    let node: APITestNode
    let handler: HandlerServer

    /// - Parameters:
    ///   - hub: JSON of members of the hub's settings, each with its comma.
    ///   - events: value of `system-events`.
    ///   - answer: to events. Permission is given.
    static func with(
        hub: String = "",
        events: String = #"["connect", "connected", "disconnected"]"#,
        _ answer: @escaping @Sendable (HandlerServer.Request) async -> HandlerServer.Answer,
        _ body: (HandlerNode) async throws -> Void
    ) async throws {
        let handler = try await HandlerServer.start { request in
            request.method == "POST" ? await answer(request) : .permission
        }
        let file = try TemporaryFile(
            #"{"hubs":{"chat":{\#(hub)"handlers":[{"url":"\#(handler.url)","user-events":"*","system-events":\#(events)}]}}}"#
        )
        try await PubSubNode.with([.hubs: file.path]) { try await body(HandlerNode(node: $0, handler: handler)) }
        await handler.stop()
    }

    /// With a handler that answers all events with 204.
    static func with(
        events: String = #"["connect", "connected", "disconnected"]"#,
        _ body: (HandlerNode) async throws -> Void
    ) async throws {
        try await self.with(events: events) { _ in
            .init()
        } _: {
            try await body($0)
        }
    }

    /// A client that has got its first message.
    func connect(_ claims: [String: Any] = [:]) async throws -> PubSubClient {
        let client = try await PubSubClient.connect(self.node, "chat", claims)
        _ = try await client.connected()
        return client
    }

    /// The status of a handshake.
    func status(_ target: String = "/client/hubs/chat", claims: [String: Any]? = [:]) async throws -> Int? {
        let host = "127.0.0.1:\(self.node.port)"
        let token = try claims.map { "?access_token=\(try PubSubToken.make("chat", host: host, $0))" } ?? ""
        let request = HandshakeRequest.text(
            target + token,
            "Sec-WebSocket-Protocol: \(PubSubClient.json), custom\r\n",
            host: host
        )
        let (text, _) = try await self.node.answer(to: Array(request.utf8)) { $0.contains("\r\n\r\n") }
        return Int(text.dropFirst("HTTP/1.1 ".count).prefix(3))
    }

    /// The sum of a counter's series with these labels.
    func count(_ event: String, _ outcome: String) async throws -> Int {
        let exposition = try Exposition(try await self.node.request("GET", "/metrics").body)
        return Int(exposition.value("volary_events_total", ["event": event, "outcome": outcome]) ?? -1)
    }
}

extension PubSubClient {
    static func failed(_ number: Int) -> String { self.ack(number, "InternalServerError", "Internal server error") }

    static func event(_ name: String, _ data: String, _ number: Int) -> String {
        #"{"type":"event","event":"\#(name)","dataType":"text","data":"\#(data)","ackId":\#(number)}"#
    }

    static func message(_ type: String, _ data: String, _ more: String = "") -> String {
        #"{"type":"message","from":"server","dataType":"\#(type)","data":\#(data)\#(more)}"#
    }
}
