import Crypto
import Foundation
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Tokens of Web PubSub's clients, made without the product.
enum PubSubToken {
    static let key = "primary-0123456789-0123456789-0123456789"
    static let secondaryKey = "secondary +/= 0123456789 0123456789 0123"

    /// - Parameters:
    ///   - host: what the node is called in `Host`.
    ///   - more: claims in addition to the audience and the expiry, or in place of them; `NSNull` for none.
    static func make(
        _ hub: String = "chat",
        host: String = "test",
        _ more: [String: Any] = [:],
        key: String = Self.key,
        algorithm: String = "HS256"
    ) throws -> String {
        var claims: [String: Any] = [
            "aud": "https://\(host)/client/hubs/\(hub)", "exp": Int(Date().timeIntervalSince1970) + 3600,
        ]
        claims.merge(more) { $1 }
        claims = claims.filter { !($0.value is NSNull) }
        let head = Data(#"{"alg":"\#(algorithm)","typ":"JWT","kid":"1"}"#.utf8)
        let signed = "\(self.coded(head)).\(self.coded(try JSONSerialization.data(withJSONObject: claims)))"
        let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: Data(key.utf8)))
        return "\(signed).\(self.coded(Data(code)))"
    }

    private static func coded(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

/// A client of Web PubSub.
struct PubSubClient: Sendable {
    static let json = "json.webpubsub.azure.v1"

    let socket: WebSocketTestClient

    /// - Parameters:
    ///   - claims: of the token, in addition to its audience and its expiry.
    ///   - query: further parameters, each with its `&`.
    static func connect(
        _ node: APITestNode,
        _ hub: String = "chat",
        _ claims: [String: Any] = [:],
        subprotocols: [String] = [Self.json],
        query: String = ""
    ) async throws -> PubSubClient {
        let token = try PubSubToken.make(hub, host: "127.0.0.1:\(node.port)", claims)
        let socket = try await WebSocketTestClient.connect(
            port: node.port,
            path: "/client/hubs/\(hub)?access_token=\(token)\(query)",
            options: .init(subprotocols: subprotocols)
        )
        return PubSubClient(socket: socket)
    }

    /// A client with all permissions that has got its first message.
    static func member(_ node: APITestNode, _ hub: String = "chat", _ claims: [String: Any] = [:]) async throws -> PubSubClient {
        let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
        let client = try await self.connect(node, hub, ["role": roles].merging(claims) { $1 })
        _ = try await client.connected()
        return client
    }

    /// The id in the first message.
    func connected() async throws -> String {
        let text = try await self.next()
        let message = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(message["type"] as? String == "system" && message["event"] as? String == "connected", "\(text)")
        return try #require(message["connectionId"] as? String)
    }

    func send(_ text: String) async throws { try await self.socket.send(text) }

    func next() async throws -> String {
        guard case .text(let text) = try await self.socket.next() else {
            Issue.record("a binary message")
            return ""
        }
        return text
    }

    /// Sends messages, and expects these answers.
    func send(_ texts: [String], _ answers: [String]) async throws {
        try await self.socket.send(texts)
        for answer in answers { #expect(try await self.next() == answer) }
    }

    /// Everything before the answer to a ping that is sent now.
    func before() async throws -> [String] {
        try await self.send(#"{"type":"ping"}"#)
        var texts: [String] = []
        while true {
            let text = try await self.next()
            if text == #"{"type":"pong"}"# { return texts }
            texts.append(text)
        }
    }

    static func ack(_ number: Int) -> String { #"{"type":"ack","ackId":\#(number),"success":true}"# }

    static func ack(_ number: Int, _ name: String, _ message: String) -> String {
        #"{"type":"ack","ackId":\#(number),"success":false,"error":{"name":"\#(name)","message":"\#(message)"}}"#
    }
}

/// Nodes that serve Web PubSub.
enum PubSubNode {
    static let apiKey = "an-api-key-for-tests"

    /// Runs `body` with one node.
    static func with(
        _ options: [ConfigurationOption: String] = [:],
        _ body: (APITestNode) async throws -> Void
    ) async throws {
        try await APITestNode.with([.accessKey: PubSubToken.key, .apiKey: self.apiKey].merging(options) { $1 }, body)
    }

    /// Runs `body` with two nodes on one memory bus.
    static func withTwo(_ body: (APITestNode, APITestNode) async throws -> Void) async throws {
        let (bus, presence) = (MemoryBus(), MemoryPresence())
        let options: [ConfigurationOption: String] = [.accessKey: PubSubToken.key, .apiKey: self.apiKey]
        func with(_ name: String, _ body: (APITestNode) async throws -> Void) async throws {
            try await APITestNode.with(options.merging([.nodeName: name]) { $1 }) { id, eventLoop in
                NodeServer.ClusterServices(
                    broker: MemoryBroker(bus: bus, node: id, eventLoop: eventLoop),
                    store: MemoryPresenceStore(shared: presence)
                )
            } _: { node in
                try await body(node)
            }
        }
        try await with("a") { a in try await with("b") { b in try await body(a, b) } }
    }
}

extension APITestNode {
    /// A request of the node's own API, with its key.
    func request(_ method: String, _ path: String, _ body: String? = nil) async throws -> HTTPTestResponse {
        try await self.http.request(method, path, headers: ["authorization": "Bearer \(PubSubNode.apiKey)"], body: body)
    }
}
