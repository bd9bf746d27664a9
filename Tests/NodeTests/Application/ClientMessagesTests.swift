import Foundation
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Serialized, because many nodes at once would slow each other down on a busy machine.
@Suite(.serialized)
struct ClientMessagesTests {
    private static let key = "correct-horse-battery"
    private static let noPermission = "Your message was not sent: it needs a token with the permission broadcast."
    private static let noMessages = "Your message was not sent: this node takes no messages from clients."

    /// A node's options, the client's token, and whether the client's messages are relayed; if not, the expected notice.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var options: [ConfigurationOption: String] = [:]
        var hasTokens = false
        /// nil for a client without a token.
        var permissions: [String]?
        var refusal: String?
    }

    static let rows: [Row] = [
        Row(testDescription: "an open node"),
        Row(testDescription: "an open node, said to be", options: [.insecure: "on"]),
        Row(testDescription: "an open node, asked to take none", options: [.clientMessages: "off"], refusal: Self.noMessages),
        Row(
            testDescription: "keys for REST, and anonymous clients",
            options: [.apiKey: Self.key, .anonymousClients: "on"],
            refusal: Self.noMessages
        ),
        Row(
            testDescription: "keys for REST, and anonymous clients, asked to take all",
            options: [.apiKey: Self.key, .anonymousClients: "on", .clientMessages: "all"]
        ),
        Row(
            testDescription: "tokens, without the permission",
            hasTokens: true,
            permissions: ["read", "send", "manage"],
            refusal: Self.noPermission
        ),
        Row(testDescription: "tokens, with the permission", hasTokens: true, permissions: ["broadcast"]),
        Row(
            testDescription: "tokens, with --insecure",
            options: [.insecure: "on"],
            hasTokens: true,
            permissions: [],
            refusal: Self.noPermission
        ),
        Row(testDescription: "tokens, asked to take all", options: [.clientMessages: "all"], hasTokens: true, permissions: []),
        Row(
            testDescription: "tokens, asked for what is so by itself",
            options: [.clientMessages: "permitted"],
            hasTokens: true,
            permissions: ["broadcast"]
        ),
        Row(
            testDescription: "tokens, asked to take none",
            options: [.clientMessages: "off"],
            hasTokens: true,
            permissions: ["broadcast"],
            refusal: Self.noMessages
        ),
        Row(
            testDescription: "tokens, and a client without one",
            options: [.anonymousClients: "on"],
            hasTokens: true,
            refusal: Self.noPermission
        ),
    ]

    private static func token(_ permissions: [String]) -> String {
        let list = permissions.map { "\"\($0)\"" }.joined(separator: ",")
        return TestKeys.sign(json: #"{"sub":"alice","exp":\#(Int(Date().timeIntervalSince1970) + 600),"permissions":[\#(list)]}"#)
    }

    private static func connect(
        _ node: APITestNode,
        _ permissions: [String]?,
        path: String = "/ws"
    ) async throws -> WebSocketTestClient {
        let headers = permissions.map { ["Authorization": "Bearer \(Self.token($0))"] } ?? [:]
        return try await WebSocketTestClient.connect(port: node.port, path: path, options: .init(headers: headers))
    }

    /// The texts of one type among a client's messages, up to the first one of type `server-broadcast`.
    private static func read(_ client: WebSocketTestClient) async throws -> [(type: String, message: String)] {
        var messages: [(String, String)] = []
        while true {
            switch try await client.next() {
            case .binary(let bytes): messages.append(("binary", "\(bytes)"))
            case .text(let text):
                let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
                guard let type = object["type"] as? String, type != "server-broadcast" else { return messages }
                messages.append((type, object["message"] as? String ?? ""))
            }
        }
    }

    @Test(
        arguments: Self.rows
    )
    func `Each way of a node decides for text and bytes alike; what is refused has no echo, and goes nowhere`(
        _ row: Row
    ) async throws {
        let file = try TemporaryFile(TestKeys.secret)
        var options = row.options
        if row.hasTokens { options[.jwtKey] = file.path }
        try await APITestNode.with(options) { node in
            let sender = try await Self.connect(node, row.permissions)
            let listener = try await Self.connect(node, row.permissions)
            let rest = row.hasTokens ? Self.token(["send", "read"]) : Self.key
            let headers = ["Authorization": "Bearer \(rest)"]
            _ = try await eventually {
                try await node.http.request("GET", "/api/connections", headers: headers).json["count"] as? Int == 2
            }
            try await sender.send("Hello!")
            try await sender.send([1, 2, 3])
            // Waits for the echo and for the listener's copy: after both, the messages have left the node.
            if row.refusal == nil { _ = try await (Self.first(of: listener), Self.first(of: sender)) }
            _ = try await eventually {
                let metrics = try await node.http.request("GET", "/metrics", headers: headers).body
                return metrics.contains("volary_messages_received_total 2\n")
            }
            let push = try await node.http.request(
                "POST",
                "/api/connections/broadcast",
                headers: headers,
                body: #"{"message":"end"}"#
            )
            #expect(push.status == 200)
            let (heard, said) = (try await Self.read(listener), try await Self.read(sender))
            let metrics = try await node.http.request("GET", "/metrics", headers: headers).body
            if let refusal = row.refusal {
                #expect(heard.isEmpty)
                // One notice for both messages.
                #expect(said.map(\.type) == ["system"] && said.map(\.message) == [refusal])
                #expect(metrics.contains("volary_client_messages_refused_total 2\n"))
            } else {
                #expect(heard.map(\.type) == ["binary"])
                #expect(said.map(\.type) == ["message", "binary"])
                #expect(metrics.contains("volary_client_messages_refused_total 0\n"))
            }
        }
        withExtendedLifetime(file) {}
    }

    /// For a client whose messages are relayed: the echo, and the publication to all clients.
    private static func first(of client: WebSocketTestClient) async throws {
        guard case .text(let text) = try await client.next() else { throw WebSocketTestClient.Failure.timeout }
        #expect(text.contains("Hello!"))
    }

    @Test
    func `A flood of what is refused is answered once, and counted whole; the client stays connected, and hears`() async throws {
        try await APITestNode.with([.clientMessages: "off"]) { node in
            let client = try await WebSocketTestClient.connect(port: node.port)
            _ = try await eventually { try await node.http.request("GET", "/api/connections").json["count"] as? Int == 1 }
            for number in 0..<500 { try await client.send("\(number)") }
            _ = try await eventually {
                try await node.http.request("GET", "/metrics").body.contains("volary_client_messages_refused_total 500\n")
            }
            let push = try await node.http.request("POST", "/api/connections/broadcast", body: #"{"message":"end"}"#)
            #expect(push.json["recipients"] as? Int == 1)
            #expect(try await Self.read(client).map(\.message) == [Self.noMessages])
            #expect(client.closeCode == nil)
        }
    }

    @Test
    func `The echo endpoint is for everybody who may connect`() async throws {
        try await APITestNode.with([.clientMessages: "off"]) { node in
            let client = try await WebSocketTestClient.connect(port: node.port, path: "/echo")
            try await client.send("Hello!")
            #expect(try await client.next() == .text("Hello!"))
        }
    }

    @Test
    func `In one cluster the node that is asked decides: what another one sends on is delivered`() async throws {
        let (bus, presence) = (MemoryBus(), MemoryPresence())
        @Sendable func links(_ id: NodeID, _ eventLoop: any EventLoop) -> NodeServer.ClusterServices {
            .init(broker: MemoryBroker(bus: bus, node: id, eventLoop: eventLoop), store: MemoryPresenceStore(shared: presence))
        }
        try await APITestNode.with([.nodeName: "closed", .clientMessages: "off"], makeLinks: links) { closed in
            try await APITestNode.with([.nodeName: "open"], makeLinks: links) { open in
                let (muted, speaker) = (
                    try await WebSocketTestClient.connect(port: closed.port),
                    try await WebSocketTestClient.connect(port: open.port)
                )
                _ = try await eventually { try await open.http.request("GET", "/api/connections").json["count"] as? Int == 2 }
                try await muted.send("nobody hears it")
                guard case .text(let refusal) = try await muted.next() else { throw APITestNode.Failure() }
                #expect(refusal.contains(Self.noMessages))
                try await speaker.send("everybody hears it")
                for client in [muted, speaker] {
                    guard case .text(let text) = try await client.next() else { throw APITestNode.Failure() }
                    #expect(text.contains("everybody hears it"))
                }
            }
        }
    }

    @Test
    func `Joins and leaves are told on open nodes, and where there are credentials only if that is asked for`() throws {
        let file = try TemporaryFile(TestKeys.secret)
        for (flags, limit, messages) in [
            ([:], 10, .all), ([.insecure: "on"], 10, .all), ([.apiKey: Self.key], nil, .off),
            ([.jwtKey: file.path], nil, .permitted),
            ([.jwtKey: file.path, .announcementsPerSecond: "5"], 5, .permitted), ([.announcementsPerSecond: "off"], nil, .all),
            ([.jwtKey: file.path, .anonymousClients: "on", .clientMessages: "all"], nil, .all),
            ([.apiKey: Self.key, .insecure: "on"], nil, .off),
        ] as [([ConfigurationOption: String], Int?, ClientMessages)] {
            let configuration = try ConfigurationLoader(flags: flags, environment: [:], file: nil).load()
            #expect(configuration.announcementsPerSecond == limit, "\(flags)")
            #expect(configuration.clientMessages == messages, "\(flags)")
        }
        for flags: [ConfigurationOption: String] in [[:], [.apiKey: Self.key]] {
            let error = #expect(throws: ConfigurationError.self) {
                try ConfigurationLoader(flags: flags.merging([.clientMessages: "permitted"]) { $1 }, environment: [:], file: nil)
                    .load()
            }
            #expect(error?.option == "client-messages" && error?.allowed.contains("--jwt-key") == true)
        }
    }
}
