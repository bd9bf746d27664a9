import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// How connections of Web PubSub's clients end, and raw clients.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PubSubEndingTests {
    private static let malformed = "The client message is not a valid JSON protocol message."

    private static func disconnected(_ text: String) -> String {
        #"{"type":"system","event":"disconnected","message":"\#(text)"}"#
    }

    @Test(
        arguments: [
            "x", "[]", "1", "{}", #"{"type":"x"}"#, #"{"type":"joinGroup"}"#, #"{"type":"joinGroup","group":""}"#,
            #"{"type":"joinGroup","group":"g","ackId":-1}"#, #"{"type":"sendToGroup","group":"g"}"#,
            #"{"type":"sendToGroup","group":"g","dataType":"x","data":"x"}"#,
            #"{"type":"sendToGroup","group":"g","data":1,"ttlSeconds":301}"#, #"{"type":"event","event":"1","data":1}"#,
            #"{"type":"sendToGroup","group":"g","data":1,"metadata":{"a b":"c"}}"#,
        ]
    )
    func `A message that is not valid ends the connection with 1007, and the client is told why`(text: String) async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            try await client.send(text)
            #expect(try await client.next() == Self.disconnected(Self.malformed))
            #expect(await client.socket.closed() == 1007)
            #expect(client.socket.closeReason == Self.malformed)
        }
    }

    @Test func `A binary message ends a JSON connection with 1003`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            try await client.socket.send([1, 2])
            #expect(try await client.next() == Self.disconnected("The JSON subprotocol requires text messages."))
            #expect(await client.socket.closed() == 1003)
        }
    }

    @Test func `A message over the limit ends the connection with 1009, and bad UTF-8 with 1007`() async throws {
        try await PubSubNode.with { node in
            let long = try await PubSubClient.member(node)
            try await long.send(String(repeating: " ", count: 1024 * 1024 + 1))
            #expect(await long.socket.closed() == 1009)
            let bad = try await PubSubClient.member(node)
            try await bad.socket.send(.text, [0xFF])
            #expect(await bad.socket.closed() == 1007)
        }
    }

    @Test func `A message of 1 MiB passes`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            let ping = #"{"type":"ping"}"#
            try await client.send(ping + String(repeating: " ", count: 1024 * 1024 - ping.utf8.count))
            #expect(try await client.next() == #"{"type":"pong"}"#)
        }
    }

    @Test func `A draining node says so, with 1012`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            let raw = try await PubSubClient.connect(node, subprotocols: [])
            await node.beginStop()
            #expect(try await client.next() == Self.disconnected("the node is going away"))
            #expect(await client.socket.closed() == 1012)
            #expect(await raw.socket.closed() == 1012)
            #expect(raw.socket.waiting == 0)
        }
    }

    @Test func `A client's own close is echoed, and its groups are left`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node, "chat", ["webpubsub.group": "g"])
            try await client.socket.close(code: 1000)
            #expect(await client.socket.closed() == 1000)
            let isGone = try await eventually {
                try await node.request("POST", "/api/groups/g/send?hub=chat", #"{"message": "x"}"#).json["recipients"] as? Int
                    == 0
            }
            #expect(isGone)
        }
    }

    @Test func `A client that goes too fast, or reads too slowly, is closed with a code that it knows`() async throws {
        for violation in LimitViolation.allCases {
            let endpoint = try #require(Endpoint.webPubSub(ClosureApplication(), PubSubProtocols(reliable: nil)).first)
            switch violation.ending(at: endpoint) {
            case .close(let code, _): #expect(code == .policyViolation, "\(violation)")
            case .violation(let fault): #expect(fault.closeCode == .policyViolation, "\(violation)")
            case .cut: #expect(violation == .unresponsive)
            case .dismissal: Issue.record("\(violation)")
            }
        }
    }

    // MARK: - Raw clients

    @Test func `A raw client's message is an event, which has no handler`() async throws {
        try await PubSubNode.with { node in
            for (subprotocols, query) in [([], ""), (["x"], "&webpubsub_mode=sendEvent"), ([], "&webpubsub_mode=")] {
                let client = try await PubSubClient.connect(node, subprotocols: subprotocols, query: query)
                try await client.send("x")
                #expect(await client.socket.closed() == 1011)
                #expect(client.socket.closeReason == "Internal server error")
                #expect(client.socket.waiting == 0)
            }
        }
    }

    @Test func `A raw client sends to its group, and gets payloads`() async throws {
        try await PubSubNode.withTwo { a, b in
            let member = try await PubSubClient.member(b, "chat", ["webpubsub.group": "g"])
            let query = "&webpubsub_mode=sendToGroup&group=g"
            let claims: [String: Any] = ["role": "webpubsub.sendToGroup.g", "webpubsub.group": "g", "sub": "ann"]
            let raw = try await PubSubClient.connect(a, "chat", claims, subprotocols: [], query: query)
            let silent = try await PubSubClient.connect(a, "chat", claims, subprotocols: [], query: query + "&noEcho=true")
            try await silent.send("to the others")
            let from = #"{"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"#
            #expect(try await member.next() == from + #""text","data":"to the others"}"#)
            #expect(try await raw.next() == "to the others")
            try await raw.socket.send([0, 1])
            #expect(try await member.next() == from + #""binary","data":"AAE="}"#)
            for client in [raw, silent] { #expect(try await client.socket.next() == .binary([0, 1])) }
            try await member.send(#"{"type":"sendToGroup","group":"g","data":{"a": 1},"metadata":{"k":"v"}}"#)
            for client in [raw, silent] { #expect(try await client.next() == #"{"a": 1}"#) }
            _ = try await b.request("POST", "/api/connections/broadcast?hub=chat", #"{"message": "hi"}"#)
            for client in [raw, silent] { #expect(try await client.next() == "hi") }
        }
    }

    @Test func `A raw client that may not send to its group is closed with 1008`() async throws {
        try await PubSubNode.with { node in
            let query = "&webpubsub_mode=sendToGroup&group=g"
            let client = try await PubSubClient.connect(
                node,
                "chat",
                ["role": "webpubsub.sendToGroup.h"],
                subprotocols: [],
                query: query
            )
            try await client.send("x")
            #expect(await client.socket.closed() == 1008)
        }
    }
}
