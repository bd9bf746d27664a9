import Foundation
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode
@testable import VolaryProtocol

/// Negotiation, handshake and pushes, with a balancer that picks another node each time.
@Suite(.serialized)
struct SignalRConnectTests {
    private static let negotiate = "/hubs/reference/negotiate"

    @Test func `A negotiation offers all transports, in version 0 and in version 1`() async throws {
        try await APITestNode.with(1, makeHubs: SignalRHub.served) { nodes in
            let node = nodes[0]
            for (query, version) in [
                ("", 0), ("?negotiateVersion=0", 0), ("?negotiateVersion=1", 1), ("?NEGOTIATEVERSION=7&x=y", 1),
            ] {
                let answer = try await node.http.request("POST", Self.negotiate + query)
                #expect(answer.status == 200)
                #expect(answer.json["negotiateVersion"] as? Int == version)
                let id = try #require(answer.json["connectionId"] as? String)
                let token = answer.json["connectionToken"] as? String
                #expect(!id.isEmpty && token != id && (token == nil) == (version == 0))
                let transports = try #require(answer.json["availableTransports"] as? [[String: Any]])
                #expect(transports.map { $0["transport"] as? String } == ["WebSockets", "ServerSentEvents", "LongPolling"])
                #expect(
                    transports.map { $0["transferFormats"] as? [String] } == [["Text", "Binary"], ["Text"], ["Text", "Binary"]]
                )
                #expect(answer.json["useStatefulReconnect"] == nil)
            }
            let answer = try await node.http.request("POST", Self.negotiate + "?negotiateVersion=one")
            #expect(answer.status == 200)
            #expect(answer.json["error"] as? String == "The client requested a non-integer protocol version.")
            #expect(try await node.http.request("POST", "/hubs/unknown/negotiate").status == 404)
            for method in ["GET", "PUT", "DELETE"] {
                #expect(try await node.http.request(method, Self.negotiate).status == 405)
            }
        }
    }

    @Test func `With token keys a negotiation needs a token, as a connection does`() async throws {
        let options: [ConfigurationOption: String] = [.apiKey: PubSubNode.apiKey]
        try await APITestNode.with(1, options, makeHubs: SignalRHub.served) { nodes in
            let answer = try await nodes[0].http.request("POST", Self.negotiate)
            #expect(answer.status == 401)
            await #expect(throws: TestClient.Failure.self) { try await nodes[0].open("/hubs/reference") }
        }
    }

    @Test func `A connection has the id of its negotiation at any node, and gets messages from all`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            let (near, nearID) = try await SignalRClient.connect(nodes[0], to: nodes[1], .messagePack)
            let (far, farID) = try await SignalRClient.connect(nodes[1], to: nodes[0])
            try near.send(#"{"type":1,"target":"Id","arguments":[],"invocationId":"1"}"#)
            await near.expect(.result("1", "\"\(nearID)\""))
            try far.send(#"{"type":1,"target":"SendToConnection","arguments":["\#(nearID)","to you"],"invocationId":"1"}"#)
            await near.expect(.message("hub", "to you"))
            try far.send(#"{"type":1,"target":"Broadcast","arguments":["to all"],"invocationId":"2"}"#)
            for client in [near, far] { await client.expect(.message("hub", "to all")) }
            try near.send(#"{"type":1,"target":"JoinGroup","arguments":["g"],"invocationId":"3"}"#)
            await near.expect(near.encoding == .json ? .result("3", "null") : .completion(id: "3", .void))
            try far.send(#"{"type":1,"target":"SendToGroup","arguments":["g","to g"],"invocationId":"4"}"#)
            await near.expect(.message("hub", "to g"))
            #expect(!far.records().contains(.message("hub", "to g")))

            // REST, from both nodes.
            for (index, node) in nodes.enumerated() {
                let all = "/api/connections/broadcast?hub=reference"
                let answer = try await node.http.request("POST", all, body: #"{"message":"rest \#(index)"}"#)
                #expect(answer.json["recipients"] as? Int == 2)
                for client in [near, far] {
                    await client.expect(.invocation(SignalRInvocation("message", [ByteBuffer(string: "\"rest \(index)\"")])))
                }
                let one = try await node.http.request(
                    "POST",
                    "/api/connections/\(nearID)/send?hub=reference",
                    body: #"{"message":"one \#(index)"}"#
                )
                #expect(one.status == 200 && one.json["recipients"] as? Int == 1, "\(one.body)")
                await near.expect(.invocation(SignalRInvocation("message", [ByteBuffer(string: "\"one \(index)\"")])))
                let listed = try await node.http.request("GET", "/api/connections/\(farID)?hub=reference")
                #expect(listed.json["protocol"] as? String == "signalr", "\(listed.body)")
            }
            let close = try await nodes[0].http.request("DELETE", "/api/connections/\(nearID)?hub=reference")
            #expect(close.status == 204, "\(close.body)")
            #expect(await eventually { near.socket.isClosed })
            #expect(
                try await eventually {
                    try await nodes[0].http.request("GET", "/api/connections/\(nearID)?hub=reference").status == 404
                }
            )
            #expect(
                try await nodes[0].http.request(
                    "POST",
                    "/api/connections/\(nearID)/send?hub=reference",
                    body: #"{"message":"x"}"#
                ).status == 404
            )
        }
    }

    @Test func `A client may connect without negotiating, and its first record must be a handshake in time`() async throws {
        try await APITestNode.with(1, makeHubs: SignalRHub.served) { nodes in
            for path in ["/hubs/reference", "/hubs/reference?id=", "/hubs/reference?x=y"] {
                let client = SignalRClient(socket: try await nodes[0].open(path), encoding: .json)
                try await client.shakeHands()
            }
            for (first, answer) in [
                ("{}", #"{"error":"An unexpected error occurred during connection handshake."}"#),
                (#"{"protocol":"xml","version":1}"#, #"{"error":"The protocol 'xml' is not supported."}"#),
                (String(repeating: "x", count: 33_000), #"{"error":"Handshake was canceled."}"#),
            ] {
                let socket = try await nodes[0].open("/hubs/reference")
                socket.write(ClientFrame.text(first + "\u{1E}"))
                #expect(await eventually { socket.isClosed })
                #expect(socket.frames.first == .text(answer + "\u{1E}"))
            }
        }
    }

    @Test func `Records behind the handshake are read, and the answer to it stands alone`() async throws {
        try await APITestNode.with(1, makeHubs: SignalRHub.served) { nodes in
            let client = SignalRClient(socket: try await nodes[0].open("/hubs/reference"), encoding: .json)
            let call = #"{"type":1,"target":"Echo","arguments":[1],"invocationId":"1"}"#
            client.write("{\"protocol\":\"json\",\"version\":0}\u{1E}\(call)\u{1E}{\"type\":6}")
            await client.expect(.result("1", "1"))
            #expect(client.socket.frames.first == .text("{}\u{1E}"))
        }
    }

    @Test func `A token that is none gets 404`() async throws {
        try await APITestNode.with(1, makeHubs: SignalRHub.served) { nodes in
            for id in ["x", String(repeating: "A", count: 43), "0123456789abcdef0123456789abcdef"] {
                #expect(await nodes[0].status("/hubs/reference?id=\(id)") == 404)
            }
        }
    }

    @Test func `A token is for one connection in the cluster, and unknown after its end`() async throws {
        try await APITestNode.with(2, makeHubs: SignalRHub.served) { nodes in
            for query in ["", "?negotiateVersion=1"] {
                let answer = try await nodes[0].http.request("POST", Self.negotiate + query)
                let id = try #require(answer.json["connectionId"] as? String)
                let token = answer.json["connectionToken"] as? String ?? id
                let path = "/hubs/reference?id=\(token)"
                let socket = try await nodes[0].open(path)
                for node in nodes {
                    #expect(
                        try await eventually {
                            try await node.http.request("GET", "/api/connections/\(id)?hub=reference").status == 200
                        }
                    )
                    #expect(await node.status(path) == 409)
                }
                #expect(!socket.isClosed)
                socket.write(ClientFrame.close(1000))
                for node in nodes {
                    #expect(
                        try await eventually {
                            try await node.http.request("GET", "/api/connections/\(id)?hub=reference").status == 404
                        }
                    )
                    #expect(await node.status(path) == 404)
                }
            }
        }
    }

    @Test func `A client gets nothing before its handshake`() async throws {
        try await APITestNode.with(1, makeHubs: SignalRHub.served) { nodes in
            let socket = try await nodes[0].open("/hubs/reference")
            let (other, _) = try await SignalRClient.connect(nodes[0])
            try other.send(#"{"type":1,"target":"Broadcast","arguments":["early"],"invocationId":"1"}"#)
            await other.expect(.message("hub", "early"))
            let late = SignalRClient(socket: socket, encoding: .messagePack)
            try await late.shakeHands()
            try other.send(#"{"type":1,"target":"Broadcast","arguments":["late"],"invocationId":"2"}"#)
            await late.expect(.message("hub", "late"))
            #expect(late.records() == [.message("hub", "late")])
        }
    }
}

extension APITestNode {
    /// The status of the answer to a handshake.
    fileprivate func status(_ path: String) async -> Int? {
        do {
            _ = try await self.open(path)
            return 101
        } catch {
            return "\(error)".firstMatch(of: /HTTP\/1.1 (\d+)/).flatMap { Int($0.1) }
        }
    }
}
