import Foundation
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Two hubs on several nodes in one process.
@Suite
struct HubClusterTests {
    /// The connections that this node lists in a hub, once there is this number of them.
    private func listed(_ count: Int, in hub: String, on node: APITestNode) async throws -> [[String: Any]] {
        var connections: [[String: Any]] = []
        _ = try await eventually {
            let answer = try await node.http.request("GET", "/api/connections?limit=1000&hub=\(hub)")
            connections = answer.json["connections"] as? [[String: Any]] ?? []
            return connections.count == count && answer.json["count"] as? Int == count
        }
        #expect(connections.count == count, "in \(hub)")
        return connections
    }

    private func id(in hub: String, on node: APITestNode) async throws -> String {
        try #require(try await self.listed(1, in: hub, on: node).first?["id"] as? String)
    }

    @Test func `A client's message reaches the clients of its hub on every node, and no other client`() async throws {
        try await APITestNode.with(2) { nodes in
            let chat = try await [nodes[0].open("/hubs/chat"), nodes[1].open("/hubs/CHAT"), nodes[1].open("/hubs/chat")]
            let others = try await [nodes[0].open("/ws"), nodes[1].open("/hubs/other"), nodes[1].open("/hubs/default")]
            _ = try await self.listed(3, in: "chat", on: nodes[0])
            chat[0].write(ClientFrame.text("in chat"))
            for client in chat { #expect(await eventually { client.messages() == ["in chat"] }) }
            others[0].write(ClientFrame.text("in the default hub"))
            for client in [others[0], others[2]] { #expect(await eventually { client.messages() == ["in the default hub"] }) }
            #expect(others[1].frames.isEmpty)
            #expect(chat.allSatisfy { $0.messages() == ["in chat"] })
        }
    }

    @Test func `A node subscribes to a hub while it holds a connection of it, and delivers at once`() async throws {
        try await APITestNode.with(2) { nodes in
            func receivers() async throws -> [String] {
                let answer = try await nodes[0].http.request(
                    "POST",
                    "/api/connections/broadcast?hub=chat",
                    body: #"{"message": "hi"}"#
                )
                #expect(answer.status == 200 && (answer.json["missing"] as? [Any])?.isEmpty == true)
                return (answer.json["nodes"] as? [[String: Any]] ?? []).compactMap { $0["node"] as? String }
            }
            #expect(try await receivers() == [])
            let client = try await nodes[1].open("/hubs/chat")
            #expect(try await receivers() == ["node-2"])
            #expect(await eventually { client.messages("server-broadcast") == ["hi"] })
            await client.close()
            #expect(try await eventually { try await receivers().isEmpty })
        }
    }

    @Test func `The same user and group in two hubs are two of each`() async throws {
        try await APITestNode.with(2, [.insecureUserQuery: "on"]) { nodes in
            let chat = try await nodes[0].open("/hubs/chat?user=ann")
            let other = try await nodes[0].open("/hubs/other?user=ann")
            let (inChat, inOther) = (try await self.id(in: "chat", on: nodes[1]), try await self.id(in: "other", on: nodes[1]))
            for (hub, id) in [("chat", inChat), ("other", inOther)] {
                let joined = try await nodes[1].http.request("PUT", "/api/groups/g/connections/\(id)?hub=\(hub)")
                #expect(joined.status == 204)
            }
            for (path, count) in [
                ("/api/groups/g/send?hub=chat", 1), ("/api/users/ann/send?hub=chat", 1), ("/api/groups/g/send", 0),
                ("/api/users/ann/send?hub=default", 0), ("/api/users/bob/send?hub=chat", 0),
            ] {
                let answer = try await nodes[1].http.request("POST", path, body: #"{"message": "\#(path)"}"#)
                #expect(answer.json["recipients"] as? Int == count, "\(path)")
            }
            let expected = ["/api/groups/g/send?hub=chat", "/api/users/ann/send?hub=chat"]
            #expect(await eventually { chat.messages("server-broadcast") == expected })
            #expect(other.frames.isEmpty)
            // Filters are of one hub, too.
            for filter in ["user=ann", "group=g", "user=ann&group=g"] {
                let list = try await nodes[1].http.request("GET", "/api/connections?hub=chat&\(filter)")
                let connections = list.json["connections"] as? [[String: Any]] ?? []
                #expect(connections.map { $0["id"] as? String } == [inChat])
                #expect(connections.first?["hub"] as? String == "chat")
                let none = try await nodes[1].http.request("GET", "/api/connections?\(filter)")
                #expect(none.json["count"] as? Int == 0)
            }
            let left = try await nodes[1].http.request("DELETE", "/api/groups/g/connections/\(inChat)?hub=chat")
            #expect(left.status == 204)
            let rest = try await nodes[1].http.request("GET", "/api/connections?hub=other&group=g")
            #expect(rest.json["count"] as? Int == 1)
        }
    }

    @Test func `A connection is found, reached, grouped and closed in its hub only, from any node`() async throws {
        try await APITestNode.with(2) { nodes in
            let client = try await nodes[0].open("/hubs/chat")
            let id = try await self.id(in: "chat", on: nodes[1])
            for node in nodes {
                for hub in ["", "?hub=default", "?hub=other"] {
                    for name in [id, String(id.prefix(8))] {
                        #expect(try await node.http.request("GET", "/api/connections/\(name)\(hub)").status == 404)
                        let sent = try await node.http.request(
                            "POST",
                            "/api/connections/\(name)/send\(hub)",
                            body: #"{"message": "wrong"}"#
                        )
                        #expect(sent.status == 404)
                        #expect(try await node.http.request("PUT", "/api/groups/g/connections/\(name)\(hub)").status == 404)
                        #expect(try await node.http.request("DELETE", "/api/connections/\(name)\(hub)").status == 404)
                    }
                }
                for name in [id, String(id.prefix(8))] {
                    let found = try await node.http.request("GET", "/api/connections/\(name)?hub=Chat")
                    #expect(found.status == 200 && found.json["id"] as? String == id && found.json["hub"] as? String == "chat")
                    let path = "/api/connections/\(name)/send?hub=chat"
                    let sent = try await node.http.request("POST", path, body: #"{"message": "right"}"#)
                    #expect(sent.json["recipients"] as? Int == 1)
                }
            }
            #expect(await eventually { client.messages("server-broadcast") == Array(repeating: "right", count: 4) })
            let closed = try await nodes[1].http.request("DELETE", "/api/connections/\(id)?hub=chat&code=4001")
            #expect(closed.status == 204)
            #expect(await eventually { client.frames.last == .close(4001, "") })
        }
    }

    @Test(arguments: ["", "1", "a-b", "a%20b", "%C3%A9", String(repeating: "a", count: 129)])
    func `A bad name of a hub is refused with a reason`(name: String) async throws {
        try await APITestNode.with { node in
            let id = ConnectionID.random(on: .random())
            for (method, path) in [
                ("GET", "/api/connections"), ("GET", "/api/connections/\(id)"), ("DELETE", "/api/connections/\(id)"),
                ("POST", "/api/connections/broadcast"), ("POST", "/api/connections/\(id)/send"), ("POST", "/api/groups/g/send"),
                ("POST", "/api/users/u/send"), ("PUT", "/api/groups/g/connections/\(id)"),
                ("DELETE", "/api/groups/g/connections/\(id)"),
            ] {
                let body = method == "POST" ? #"{"message": "x"}"# : nil
                let answer = try await node.http.request(method, "\(path)?hub=\(name)", body: body)
                #expect(answer.status == 400 && answer.problem == "invalid-query" && answer.field == "hub", "\(method) \(path)")
            }
        }
    }

    @Test func `Joins and leaves are announced in their hub only`() async throws {
        try await APITestNode.with(2, [.announcementsPerSecond: "100"]) { nodes in
            let watchers = try await [nodes[0].open("/hubs/chat"), nodes[0].open("/ws")]
            #expect(await eventually { watchers.allSatisfy { $0.messages("system").count == 1 } })
            let guest = try await nodes[1].open("/hubs/chat")
            #expect(await eventually { watchers[0].messages("system").count == 2 })
            await guest.close()
            #expect(await eventually { watchers[0].messages("system").last?.hasSuffix("left.") == true })
            let other = try await nodes[1].open("/ws")
            #expect(await eventually { watchers[1].messages("system").count == 2 })
            #expect(watchers[0].messages("system").count == 3)
            await other.close()
        }
    }

    @Test func `Connections are counted by hub`() async throws {
        try await APITestNode.with { node in
            var clients: [TestClient] = []
            for path in ["/ws", "/hubs/chat", "/hubs/chat", "/echo"] { clients.append(try await node.open(path)) }
            func lines() async throws -> [String] {
                try await node.http.request("GET", "/metrics").body.split(separator: "\n").map(String.init)
                    .filter { $0.hasPrefix("volary_hub_connections") || $0.hasPrefix("volary_connections ") }
            }
            #expect(
                try await lines()
                    == [
                        "volary_connections 3", #"volary_hub_connections{hub="chat"} 2"#,
                        #"volary_hub_connections{hub="default"} 1"#,
                    ]
            )
            for client in clients { await client.close() }
            #expect(try await eventually { try await lines() == ["volary_connections 0"] })
        }
    }

    @Test func `A protocol may permit more groups than the plain one does`() async throws {
        try await APITestNode.with { node in
            _ = try await (node.open("/ws"), node.open("/hubs/chat"))
            let (plain, other) = (try await self.id(in: "default", on: node), try await self.id(in: "chat", on: node))
            var statuses: [String: [Int]] = [:]
            for (hub, id, count) in [("default", plain, 65), ("chat", other, 100)] {
                for number in 0..<count {
                    let answer = try await node.http.request("PUT", "/api/groups/g\(number)/connections/\(id)?hub=\(hub)")
                    statuses[hub, default: []].append(answer.status)
                    if answer.status != 204 { #expect(answer.problem == "too-many-groups") }
                }
            }
            #expect(statuses["default"] == Array(repeating: 204, count: 64) + [409])
            #expect(statuses["chat"] == Array(repeating: 204, count: 100))
        }
    }
}
