import Foundation
import TestSupport
import Testing
import VolaryBackplane

@testable import VolaryNode

/// A client of `json.reliable.webpubsub.azure.v1`: resumes its connection, drops numbers that it has, and records what must not be.
/// Written without the product.
actor ReliableClient {
    static let json = "json.reliable.webpubsub.azure.v1"

    struct Failure: Error {}

    nonisolated let id: String
    nonisolated let token: String
    nonisolated let hub: String
    private var socket: WebSocketTestClient
    /// The data of its messages, by their numbers from 1 on.
    private(set) var received: [String] = []
    private(set) var violations: [String] = []
    private(set) var acks: [Int: String] = [:]
    /// Texts of `disconnected` messages.
    private(set) var farewells: [String] = []

    private init(_ socket: WebSocketTestClient, id: String, token: String, hub: String) {
        self.socket = socket
        self.id = id
        self.token = token
        self.hub = hub
    }

    /// A client with all permissions.
    static func connect(
        _ node: APITestNode,
        _ claims: [String: Any] = [:],
        hub: String = "chat"
    ) async throws -> ReliableClient {
        let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
        let client = try await PubSubClient.connect(
            node,
            hub,
            ["role": roles].merging(claims) { $1 },
            subprotocols: [Self.json]
        )
        #expect(client.socket.subprotocol == Self.json)
        let first = try Self.object(try await client.next())
        #expect(first["type"] as? String == "system" && first["event"] as? String == "connected")
        return ReliableClient(
            client.socket,
            id: try #require(first["connectionId"] as? String),
            token: try #require(first["reconnectionToken"] as? String),
            hub: hub
        )
    }

    // MARK: - Transports

    var isEnded: Bool { self.socket.isEnded }

    /// The code of the node's close frame, once the connection has ended.
    func closed() async -> Int? { await self.socket.closed() }

    func cut() async { await self.socket.disconnect() }

    /// Closes with a close frame, and waits for the end.
    func close(_ code: UInt16) async throws {
        try await self.socket.close(code: code)
        await self.socket.waitForEnd()
    }

    func resume(on node: APITestNode) async throws {
        self.socket = try await Self.transport(node, hub: self.hub, id: self.id, token: self.token)
    }

    /// Tries once a second, as the official clients do, here more often, until a transport stands.
    func resumeWhenPossible(on node: APITestNode) async throws {
        let isResumed = await eventually {
            do {
                try await self.resume(on: node)
                return true
            } catch {
                return false
            }
        }
        guard isResumed else { throw Failure() }
    }

    static func transport(
        _ node: APITestNode,
        hub: String,
        id: String,
        token: String
    ) async throws -> WebSocketTestClient {
        try await WebSocketTestClient.connect(
            port: node.port,
            path: "/client/hubs/\(hub)?access_token=expired&awps_connection_id=\(id)&awps_reconnection_token=\(token)",
            options: .init(subprotocols: [Self.json])
        )
    }

    // MARK: - Messages

    /// Whether it has this number of messages, and saw nothing that must not be.
    func has(_ count: Int) -> Bool { self.received.count == count && self.violations.isEmpty }

    func send(_ text: String) async throws { try await self.socket.send(text) }

    func join(_ group: String, ackID: Int) async throws {
        try await self.send(#"{"type":"joinGroup","group":"\#(group)","ackId":\#(ackID)}"#)
        #expect(try await self.ack(ackID) == "success")
    }

    func sendToGroup(_ group: String, _ text: String, ackID: Int? = nil) async throws {
        let ack = ackID.map { #","ackId":\#($0)"# } ?? ""
        try await self.send(#"{"type":"sendToGroup","group":"\#(group)","dataType":"text","data":"\#(text)"\#(ack)}"#)
    }

    /// Acknowledges everything that it has.
    func acknowledge() async throws { try await self.send(#"{"type":"sequenceAck","sequenceId":\#(self.received.count)}"#) }

    /// Waits for an answer to a ping, which comes behind the results and messages that are on their way on this transport.
    func ping() async throws {
        try await self.send(#"{"type":"ping"}"#)
        while try await self.takeNext() != "pong" {}
    }

    /// Waits until there is this number of messages.
    func texts(_ count: Int) async throws -> [String] {
        while self.received.count < count { _ = try await self.takeNext() }
        return self.received
    }

    /// Waits for an ack: `success`, or the name of its error.
    func ack(_ number: Int) async throws -> String {
        while self.acks[number] == nil { _ = try await self.takeNext() }
        return self.acks.removeValue(forKey: number) ?? ""
    }

    /// Reads everything until the connection ends.
    func readToEnd() async { while (try? await self.takeNext()) != nil {} }

    /// - Returns: the type of the message.
    private func takeNext() async throws -> String {
        guard case .text(let text) = try await self.socket.next() else {
            self.violations.append("a binary message")
            return ""
        }
        let message = try Self.object(text)
        let type = message["type"] as? String ?? ""
        switch type {
        case "message": self.take(message, text)
        case "ack":
            let error = (message["error"] as? [String: Any])?["name"] as? String
            self.acks[message["ackId"] as? Int ?? -1] = error ?? "success"
        case "system" where message["event"] as? String == "disconnected":
            self.farewells.append(message["message"] as? String ?? "")
        case "pong": break
        default: self.violations.append(text)
        }
        return type
    }

    private func take(_ message: [String: Any], _ text: String) {
        guard let number = message["sequenceId"] as? Int, number > 0, let data = message["data"] as? String else {
            return self.violations.append(text)
        }
        switch number {
        case ...self.received.count:
            if self.received[number - 1] != data { self.violations.append("number \(number) twice: \(text)") }
        case self.received.count + 1: self.received.append(data)
        default: self.violations.append("a hole before \(number)")
        }
    }

    private static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
}

extension APITestNode {
    /// Runs `body` with nodes that serve Web PubSub, on one memory bus.
    static func withPubSub(
        _ count: Int,
        _ options: [ConfigurationOption: String] = [:],
        bus: MemoryBus = MemoryBus(),
        _ body: ([APITestNode]) async throws -> Void
    ) async throws {
        let more: [ConfigurationOption: String] = [.accessKey: PubSubToken.key, .apiKey: PubSubNode.apiKey]
        try await Self.with(count, options.merging(more) { $1 }, bus: bus, body)
    }

    /// What this node's own API lists of a connection.
    func listed(_ id: String, hub: String = "chat") async throws -> [String: Any]? {
        let answer = try await self.request("GET", "/api/connections?hub=\(hub)")
        return (answer.json["connections"] as? [[String: Any]] ?? []).first { $0["id"] as? String == id }
    }

    /// Waits until a connection is listed as `attached` or `detached`.
    func waits(for state: String, of id: String, hub: String = "chat") async throws {
        let isReached = try await eventually { try await self.listed(id, hub: hub)?["state"] as? String == state }
        #expect(isReached, "\(id) is not \(state)")
    }
}
