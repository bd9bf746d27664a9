import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Clients of `json.webpubsub.azure.v1`: groups, messages, permissions and results.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PubSubClientTests {
    private static func join(_ group: String, _ number: Int) -> String {
        #"{"type":"joinGroup","group":"\#(group)","ackId":\#(number)}"#
    }

    private static func send(_ group: String, _ data: String, _ more: String = "") -> String {
        #"{"type":"sendToGroup","group":"\#(group)","dataType":"text","data":"\#(data)"\#(more)}"#
    }

    private static func message(_ group: String, _ data: String, user: String? = nil) -> String {
        let user = user.map { #""fromUserId":"\#($0)","# } ?? ""
        return #"{"type":"message","from":"group","group":"\#(group)",\#(user)"dataType":"text","data":"\#(data)"}"#
    }

    @Test func `The first message has the id and the user of the connection`() async throws {
        try await PubSubNode.with { node in
            let ann = try await PubSubClient.connect(node, "chat", ["sub": "ann"])
            let id = try await ann.connected()
            let listed = try await node.request("GET", "/api/connections?hub=chat")
            let connections = listed.json["connections"] as? [[String: Any]] ?? []
            #expect(connections.map { $0["id"] as? String } == [id])
            #expect(connections.map { $0["user"] as? String } == ["ann"])
            let anonymous = try await PubSubClient.connect(node, "chat")
            #expect(try await anonymous.next().contains(#""userId":null"#))
        }
    }

    @Test func `Members of a group on every node get its messages in order, with the sender's user`() async throws {
        try await PubSubNode.withTwo { a, b in
            let (ann, bob) = (try await PubSubClient.member(a, "chat", ["sub": "ann"]), try await PubSubClient.member(b))
            let other = try await PubSubClient.member(b, "other")
            for client in [ann, bob, other] { try await client.send([Self.join("lobby", 1)], [PubSubClient.ack(1)]) }
            try await ann.socket.send((0..<100).map { Self.send("lobby", "\($0)") })
            for client in [ann, bob] {
                for number in 0..<100 { #expect(try await client.next() == Self.message("lobby", "\(number)", user: "ann")) }
            }
            try await bob.send(Self.send("lobby", "back", #","ackId":2"#))
            #expect(try await ann.next() == Self.message("lobby", "back"))
            #expect(Set([try await bob.next(), try await bob.next()]) == [PubSubClient.ack(2), Self.message("lobby", "back")])
            #expect(try await other.before() == [])
        }
    }

    @Test func `Without an echo only the sender gets nothing`() async throws {
        try await PubSubNode.withTwo { a, b in
            let clients = [try await PubSubClient.member(a), try await PubSubClient.member(a), try await PubSubClient.member(b)]
            for client in clients { try await client.send([Self.join("g", 1)], [PubSubClient.ack(1)]) }
            try await clients[0].send([Self.send("g", "x", #","noEcho":true,"ackId":2"#)], [PubSubClient.ack(2)])
            for client in clients.dropFirst() { #expect(try await client.next() == Self.message("g", "x")) }
            #expect(try await clients[0].before() == [])
        }
    }

    @Test func `A client gets its own message to a group that it joined just before, and none after it left`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            try await client.socket.send([Self.join("g", 1), Self.send("g", "in")])
            #expect(try await client.next() == PubSubClient.ack(1))
            #expect(try await client.next() == Self.message("g", "in"))
            try await client.send(
                [#"{"type":"leaveGroup","group":"g","ackId":2}"#, Self.send("g", "out", #","ackId":3"#)],
                [PubSubClient.ack(2), PubSubClient.ack(3)]
            )
            #expect(try await client.before() == [])
        }
    }

    @Test func `Types, metadata and JSON reach members as they were sent`() async throws {
        try await PubSubNode.withTwo { a, b in
            let (sender, member) = (try await PubSubClient.member(a), try await PubSubClient.member(b))
            try await member.send([Self.join("g", 1)], [PubSubClient.ack(1)])
            let from = #"{"type":"message","from":"group","group":"g","dataType":"#
            for (sent, got) in [
                (#""data":{"b":1.50,"a":[null]}"#, #""json","data":{"b":1.50,"a":[null]}}"#),
                (#""dataType":"binary","data":"AAE=""#, #""binary","data":"AAE="}"#),
                (#""dataType":"protobuf","data":"AAE=""#, #""protobuf","data":"AAE="}"#),
                (#""dataType":"text","data":"\u00e4","metadata":{"Key":"v"}"#, #""text","data":"ä","metadata":{"Key":"v"}}"#),
                (#""metadata":{"k":"v"}"#, #""text","data":"","metadata":{"k":"v"}}"#),
            ] {
                try await sender.send(#"{"type":"sendToGroup","group":"g",\#(sent)}"#)
                #expect(try await member.next() == from + got)
            }
        }
    }

    @Test func `What a client may not do is refused, or dropped when it gave no number`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.connect(
                node,
                "chat",
                ["role": "webpubsub.sendToGroup.open", "webpubsub.group": ["g"]]
            )
            _ = try await client.connected()
            func refusal(_ number: Int, _ what: String) -> String {
                PubSubClient.ack(number, "Forbidden", "The client does not have permission to \(what).")
            }
            try await client.send(
                [
                    Self.join("g", 1), #"{"type":"leaveGroup","group":"g","ackId":2}"#, Self.send("g", "x", #","ackId":3"#),
                    Self.send("g", "dropped"),
                ],
                [
                    refusal(1, "join group 'g'"), refusal(2, "leave group 'g'"), refusal(3, "send to group 'g'"),
                ]
            )
            try await client.send([Self.send("open", "x", #","ackId":4"#)], [PubSubClient.ack(4)])
            // A refused number may be used again.
            try await client.send([Self.send("open", "x", #","ackId":3"#)], [PubSubClient.ack(3)])
            #expect(try await client.before() == [])
        }
    }

    @Test func `A number that has succeeded is not carried out again`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            func duplicate(_ number: Int) -> String {
                PubSubClient.ack(number, "Duplicate", "Message with ack-id: \(number) has been processed")
            }
            try await client.send(
                [Self.join("g", 1), Self.join("g", 1), #"{"type":"leaveGroup","group":"g","ackId":1}"#, Self.join("g", 2)],
                [PubSubClient.ack(1), duplicate(1), duplicate(1), PubSubClient.ack(2)]
            )
        }
    }

    @Test func `An event has no handler, and fails`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            try await client.send(
                [#"{"type":"event","event":"e","data":1,"ackId":1}"#, #"{"type":"event","event":"e","data":1}"#],
                [PubSubClient.ack(1, "InternalServerError", "Internal server error")]
            )
            #expect(try await client.before() == [])
        }
    }

    @Test func `Signs of life and acknowledgments of messages change nothing`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            try await client.send([#"{"type":"sequenceAck","sequenceId":7}"#, #"{"type":"PING"}"#], [#"{"type":"pong"}"#])
        }
    }

    @Test func `Groups of the token are joined from the start, on the hub of the token only`() async throws {
        try await PubSubNode.withTwo { a, b in
            let member = try await PubSubClient.member(a, "chat", ["webpubsub.group": ["g", "h"]])
            let other = try await PubSubClient.member(a, "other", ["webpubsub.group": "g"])
            let sender = try await PubSubClient.member(b)
            try await sender.send([Self.send("g", "x", #","ackId":1"#)], [PubSubClient.ack(1)])
            #expect(try await member.next() == Self.message("g", "x"))
            #expect(try await other.before() == [])
        }
    }

    @Test func `Messages of the node's own API reach these clients in their form`() async throws {
        try await PubSubNode.withTwo { a, b in
            let client = try await PubSubClient.member(a, "chat", ["sub": "ann", "webpubsub.group": "g"])
            let server = #"{"type":"message","from":"server","dataType":"#
            for (path, body, expected) in [
                ("/api/connections/broadcast", #"{"message": "hi"}"#, server + #""text","data":"hi"}"#),
                ("/api/connections/broadcast", #"{"data": {"a": 1}}"#, server + #""json","data":{"a": 1}}"#),
                ("/api/users/ann/send", #"{"message": "hi"}"#, server + #""text","data":"hi"}"#),
                ("/api/groups/g/send", #"{"message": "hi"}"#, Self.message("g", "hi")),
            ] {
                let answer = try await b.request("POST", "\(path)?hub=chat", body)
                #expect(answer.json["recipients"] as? Int == 1, "\(path)")
                #expect(try await client.next() == expected)
            }
        }
    }

    @Test func `Plain clients and these share the default hub`() async throws {
        try await PubSubNode.with([.anonymousClients: "on"]) { node in
            let (plain, client) = (try await node.open("/ws"), try await PubSubClient.member(node, "default"))
            _ = try await node.request("POST", "/api/connections/broadcast", #"{"message": "hi"}"#)
            #expect(try await client.next() == #"{"type":"message","from":"server","dataType":"text","data":"hi"}"#)
            #expect(await eventually { plain.messages("server-broadcast") == ["hi"] })
        }
    }

    @Test func `A connection may be in 1,025 groups`() async throws {
        try await PubSubNode.withTwo { a, b in
            let (client, sender) = (try await PubSubClient.member(a), try await PubSubClient.member(b))
            try await client.socket.send((1...1025).map { Self.join("group-\($0)", $0) })
            for number in 1...1025 { #expect(try await client.next() == PubSubClient.ack(number)) }
            for number in [1, 512, 1025] {
                try await sender.send(Self.send("group-\(number)", "x"))
                #expect(try await client.next() == Self.message("group-\(number)", "x"))
            }
        }
    }

    @Test func `Above its limit a client joins no more groups, and is told so`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.member(node)
            for start in stride(from: 1, through: 2048, by: 512) {
                try await client.socket.send((start..<(start + 512)).map { Self.join("\($0)", $0) })
                for number in start..<(start + 512) { #expect(try await client.next() == PubSubClient.ack(number)) }
            }
            let refused = PubSubClient.ack(3000, "InternalServerError", "Internal server error")
            try await client.send([Self.join("one more", 3000), Self.join("1", 3001)], [refused, PubSubClient.ack(3001)])
        }
    }
}
