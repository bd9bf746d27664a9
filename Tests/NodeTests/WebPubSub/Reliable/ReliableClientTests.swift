import Foundation
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What a client of `json.reliable.webpubsub.azure.v1` is sent on one node.
@Suite(.timeLimit(.minutes(5)))
struct ReliableClientTests {
    @Test func `Messages have dense numbers, whatever their source, and nothing else has one`() async throws {
        try await APITestNode.withPubSub(1) { nodes in
            let api = PubSubCaller(node: nodes[0])
            let client = try await ReliableClient.connect(nodes[0], ["sub": "ann", "webpubsub.group": ["g"]])
            try await client.join("h", ackID: 1)
            try await client.sendToGroup("g", "1", ackID: 2)
            #expect(try await client.ack(2) == "success")
            try await api.expect(202, "POST", "/groups/h/:send", body: "2")
            try await api.expect(202, "POST", "/users/ann/:send", body: "3")
            try await api.expect(202, "POST", "/connections/\(client.id)/:send", body: "4")
            try await api.expect(202, "POST", "/:send", body: "5")
            try await api.expect(202, "POST", "/users/bob/:send", body: "x")
            #expect(try await client.texts(5) == ["1", "2", "3", "4", "5"])
            try await client.ping()
            #expect(await client.has(5))
        }
    }

    @Test func `noEcho, exclusions and filters leave clients out, and use up none of their numbers`() async throws {
        try await APITestNode.withPubSub(1) { nodes in
            let api = PubSubCaller(node: nodes[0])
            let ann = try await ReliableClient.connect(nodes[0], ["sub": "ann", "webpubsub.group": ["g"]])
            let bob = try await ReliableClient.connect(nodes[0], ["sub": "bob", "webpubsub.group": ["g"]])
            try await ann.send(#"{"type":"sendToGroup","group":"g","dataType":"text","data":"a","noEcho":true,"ackId":1}"#)
            #expect(try await ann.ack(1) == "success")
            try await api.expect(202, "POST", "/:send?excluded=\(bob.id)", body: "b")
            let filter = "userId%20eq%20'bob'%20and%20'g'%20in%20groups"
            try await api.expect(202, "POST", "/:send?filter=\(filter)", body: "c")
            try await api.expect(202, "POST", "/:send", body: "d")
            #expect(try await ann.texts(2) == ["b", "d"])
            #expect(try await bob.texts(3) == ["a", "c", "d"])
        }
    }

    @Test func `An action with an ack id is carried out once`() async throws {
        try await APITestNode.withPubSub(1) { nodes in
            let client = try await ReliableClient.connect(nodes[0], ["webpubsub.group": ["g"]])
            for expected in ["success", "Duplicate"] {
                try await client.sendToGroup("g", "once", ackID: 7)
                #expect(try await client.ack(7) == expected)
            }
            try await client.send(#"{"type":"leaveGroup","group":"g","ackId":7}"#)
            #expect(try await client.ack(7) == "Duplicate")
            try await client.sendToGroup("g", "again", ackID: 8)
            #expect(try await client.texts(2) == ["once", "again"])
        }
    }

    @Test func `Without permission nothing is sent, and a permission of REST counts from then on`() async throws {
        try await APITestNode.withPubSub(1) { nodes in
            let api = PubSubCaller(node: nodes[0])
            let client = try await ReliableClient.connect(nodes[0], ["role": [], "webpubsub.group": ["g"]])
            let permission = "/permissions/sendToGroup/connections/\(client.id)?targetName=g"
            try await client.sendToGroup("g", "no", ackID: 1)
            #expect(try await client.ack(1) == "Forbidden")
            #expect(try await api.call("HEAD", permission).status == 404)
            try await api.expect(200, "PUT", permission)
            try await api.expect(200, "HEAD", permission)
            #expect(
                try await eventually {
                    try await client.sendToGroup("g", "yes", ackID: 2)
                    return try await client.ack(2) != "Forbidden"
                }
            )
            try await api.expect(204, "DELETE", permission)
            #expect(try await api.call("HEAD", permission).status == 404)
            #expect(try await client.texts(1) == ["yes"])
        }
    }

    @Test func `Plain clients and reliable ones get the same messages in one order`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let plain = try await PubSubClient.member(nodes[0], "chat", ["webpubsub.group": ["g"]])
            let reliable = try await ReliableClient.connect(nodes[1], ["webpubsub.group": ["g"]])
            let senders = try await (
                ReliableClient.connect(nodes[0]), ReliableClient.connect(nodes[1]), PubSubClient.member(nodes[1])
            )
            for number in 1...50 {
                try await senders.0.sendToGroup("g", "a\(number)")
                try await senders.1.sendToGroup("g", "b\(number)")
                try await senders.2.send(#"{"type":"sendToGroup","group":"g","dataType":"text","data":"c\#(number)"}"#)
            }
            let texts = try await reliable.texts(150)
            #expect(Set(texts).count == 150)
            for sender in "abc" { #expect(texts.filter { $0.first == sender } == (1...50).map { "\(sender)\($0)" }) }
            var seen: [String] = []
            while seen.count < 150 {
                let message = try JSONSerialization.jsonObject(with: Data(try await plain.next().utf8)) as? [String: Any]
                seen.append(message?["data"] as? String ?? "")
            }
            #expect(seen == texts)
        }
    }

    @Test func `Receipts count reliable clients, attached to any node`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let first = try await ReliableClient.connect(nodes[0], ["sub": "ann", "webpubsub.group": ["g"]])
            let second = try await ReliableClient.connect(nodes[1], ["sub": "ann", "webpubsub.group": ["g"]])
            let plain = try await PubSubClient.member(nodes[1], "chat", ["sub": "ann", "webpubsub.group": ["g"]])
            for (path, count) in [
                ("groups/g", 3), ("users/ann", 3), ("connections/broadcast", 3), ("connections/\(first.id)", 1),
            ] {
                let path = path.hasSuffix("broadcast") ? "/api/\(path)?hub=chat" : "/api/\(path)/send?hub=chat"
                let answer = try await nodes[1].request("POST", path, #"{"message":"hi"}"#)
                #expect(answer.status == 200 && answer.json["recipients"] as? Int == count, "\(path): \(answer.body)")
            }
            #expect(try await first.texts(4).count == 4)
            #expect(try await second.texts(3).count == 3)
            #expect(try await plain.before().count == 3)
        }
    }

    @Test func `Over the limit of unacknowledged messages the connection ends for good`() async throws {
        try await APITestNode.withPubSub(1) { nodes in
            let client = try await ReliableClient.connect(nodes[0], ["webpubsub.group": ["g"]])
            let sender = try await ReliableClient.connect(nodes[0])
            for number in 1...1000 { try await sender.sendToGroup("g", "\(number)") }
            #expect(try await client.texts(1000).count == 1000)
            try await client.ping()
            try await sender.sendToGroup("g", "one too many")
            #expect(await client.closed() == 1008)
            await client.readToEnd()
            #expect(await client.has(1000))
            #expect(await client.farewells == [PubSubCloseText.cannotRecover])
            try await client.resume(on: nodes[0])
            #expect(await client.closed() == 1008)
        }
    }

    @Test func `A client that acknowledges may get any number of messages`() async throws {
        try await APITestNode.withPubSub(1) { nodes in
            let client = try await ReliableClient.connect(nodes[0], ["webpubsub.group": ["g"]])
            let sender = try await ReliableClient.connect(nodes[0])
            for round in 1...5 {
                for number in 1...400 { try await sender.sendToGroup("g", "\(round).\(number)") }
                #expect(try await client.texts(400 * round).count == 400 * round)
                try await client.acknowledge()
            }
            #expect(await client.violations.isEmpty)
        }
    }

    @Test func `A join beyond the limit of groups is refused as that of other clients, by any way`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let api = PubSubCaller(node: nodes[1])
            let names = (100..<165).map { "\($0)" + String(repeating: "n", count: 997) }
            let more = String(repeating: "m", count: 537)
            func join(_ group: String, _ ackID: Int) -> String { #"{"type":"joinGroup","group":"\#(group)","ackId":\#(ackID)}"# }
            let reliable = try await ReliableClient.connect(nodes[0], ["sub": "ann"])
            let plain = try await PubSubClient.connect(nodes[0], "chat", ["sub": "bob", "role": ["webpubsub.joinLeaveGroup"]])
            let plainID = try await plain.connected()
            for (number, name) in names.enumerated() {
                try await reliable.join(name, ackID: number)
                try await plain.send([join(name, number)], [PubSubClient.ack(number)])
            }
            try await reliable.send(join(more, 100))
            try await plain.send([join(more, 100)], [PubSubClient.ack(100, "InternalServerError", "Internal server error")])
            #expect(try await reliable.ack(100) == "InternalServerError")
            let paths =
                [reliable.id, plainID].map { "/groups/\(more)/connections/\($0)" }
                + ["ann", "bob"].map { "/users/\($0)/groups/\(more)" }
            for path in paths { #expect(try await api.call("PUT", path).status == 409, "\(path)") }
            try await reliable.join("g", ackID: 101)
            try await plain.send([join("g", 101)], [PubSubClient.ack(101)])
        }
    }

    /// The ids on all pages.
    private static func listed(_ query: String, _ node: APITestNode) async throws -> [String] {
        var ids: [String] = []
        var (cursor, count) = ("", 0)
        repeat {
            let answer = try await node.request("GET", "/api/connections?hub=chat&limit=2\(query)\(cursor)")
            count = answer.json["count"] as? Int ?? -1
            ids += (answer.json["connections"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
            cursor = (answer.json["next"] as? String).map { "&cursor=\($0)" } ?? ""
        } while !cursor.isEmpty
        #expect(count == ids.count)
        return ids
    }

    @Test func `Lists have plain clients and reliable ones, attached and detached, page by page`() async throws {
        try await APITestNode.withPubSub(2) { nodes in
            let api = PubSubCaller(node: nodes[0])
            var clients: [ReliableClient] = []
            for number in 0..<5 {
                clients.append(
                    try await ReliableClient.connect(nodes[number % 2], ["sub": "ann", "webpubsub.group": ["g"]])
                )
            }
            let plain = try await PubSubClient.open(nodes[0], user: "ann", groups: ["g"])
            await clients[4].cut()
            try await nodes[1].waits(for: "detached", of: clients[4].id)
            let all = (clients.map(\.id) + [plain.id]).sorted()
            for query in ["", "&user=ann", "&group=g", "&user=ann&group=g"] {
                #expect(try await Self.listed(query, nodes[1]) == all, "\(query)")
            }
            #expect(try await Self.listed("&group=g&node=node-2", nodes[1]) == [clients[1].id, clients[3].id].sorted())
            for query in ["&user=bob", "&group=h", "&user=ann&group=h"] {
                #expect(try await Self.listed(query, nodes[1]).isEmpty, "\(query)")
            }
            for name in ["users/ann", "groups/g"] { try await api.expect(200, "HEAD", "/\(name)") }
            for name in ["users/bob", "groups/h"] { try await api.expect(404, "HEAD", "/\(name)") }
            withExtendedLifetime(plain) {}
        }
    }

    @Test func `With delivery at most once the protocol is not chosen`() async throws {
        let options: [ConfigurationOption: String] = [.delivery: "at-most-once", .accessKey: PubSubToken.key]
        try await APITestNode.with(options) { node in
            let client = try await PubSubClient.connect(node, subprotocols: [ReliableClient.json, PubSubClient.json])
            #expect(client.socket.subprotocol == PubSubClient.json)
            await #expect(throws: WebSocketTestClient.Failure.notUpgraded) {
                _ = try await PubSubClient.connect(node, subprotocols: [ReliableClient.json])
            }
        }
    }
}
