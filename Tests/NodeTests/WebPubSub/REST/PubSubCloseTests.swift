import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Closing connections and permissions over Web PubSub's REST API.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PubSubCloseTests {
    private static func disconnected(_ reason: String? = nil) -> String {
        let text = "Application server closed the connection." + (reason.map { " Reason: \($0)" } ?? "")
        return #"{"type":"system","event":"disconnected","message":"\#(text)"}"#
    }

    @Test func `All, a group, a user and a connection are closed on every node, and no list has them then`() async throws {
        try await PubSubNode.withTwo { a, b in
            let api = PubSubCaller(node: a)
            let rows: [(method: String, path: (String) -> String, reason: String?)] = [
                ("POST", { _ in "/:closeConnections" }, nil),
                ("POST", { _ in "/:closeConnections?reason=because%20so" }, "because so"),
                ("POST", { _ in "/groups/g/:closeConnections?reason=g" }, "g"),
                ("POST", { _ in "/users/ann/:closeConnections" }, nil),
                ("DELETE", { "/connections/\($0)" }, nil), ("DELETE", { "/connections/\($0)?reason=x" }, "x"),
            ]
            for row in rows {
                let (client, id) = try await PubSubClient.open(b, user: "ann", groups: ["g"])
                let path = row.path(id)
                try await api.expect(204, row.method, path)
                try await api.expect(404, "HEAD", "/connections/\(id)")
                #expect(try await client.next() == Self.disconnected(row.reason), "\(path)")
                _ = await eventually { client.socket.closeCode != nil }
                #expect(client.socket.closeCode == 1000, "\(path)")
                #expect((client.socket.closeReason ?? "").isEmpty, "\(path)")
            }
        }
    }

    @Test func `Excluded connections, other groups, users and hubs stay open`() async throws {
        try await PubSubNode.withTwo { a, b in
            let ann = try await PubSubClient.open(a, user: "ann", groups: ["g"])
            let bob = try await PubSubClient.open(b, user: "bob", groups: ["g"])
            let other = try await PubSubClient.open(b, user: "ann", groups: ["g"], hub: "other")
            let api = PubSubCaller(node: a)
            try await api.expect(204, "POST", "/:closeConnections?excluded=\(ann.id)&excluded=\(bob.id)")
            try await api.expect(204, "POST", "/groups/h/:closeConnections")
            try await api.expect(204, "POST", "/users/eve/:closeConnections")
            try await api.expect(204, "POST", "/groups/g/:closeConnections?excluded=\(ann.id)")
            try await api.expect(200, "HEAD", "/connections/\(ann.id)")
            try await api.expect(404, "HEAD", "/connections/\(bob.id)")
            try await api.expect(204, "POST", "/users/ann/:closeConnections?excluded=\(ann.id)")
            for client in [ann.client, other.client] { #expect(try await client.before() == []) }
            let reason = String(repeating: "r", count: 4096)
            #expect(try await api.call("POST", "/:closeConnections?reason=\(reason)").status == 400)
        }
    }

    @Test func `A permission is granted, checked and revoked on any node`() async throws {
        try await PubSubNode.withTwo { a, b in
            let (client, id) = try await PubSubClient.open(b)
            let api = PubSubCaller(node: a)
            func join(_ group: String, _ number: Int) -> String {
                #"{"type":"joinGroup","group":"\#(group)","ackId":\#(number)}"#
            }
            let one = "/permissions/joinLeaveGroup/connections/\(id)?targetName=g.%2A"
            let all = "/permissions/JOINLEAVEGROUP/connections/\(id)"
            try await api.expect(404, "HEAD", one)
            try await api.expect(200, "PUT", one)
            try await api.expect(200, "HEAD", one)
            try await api.expect(200, "HEAD", "/permissions/2/connections/\(id)?targetName=g.%2A")
            try await api.expect(404, "HEAD", all)
            try await api.expect(404, "HEAD", "/permissions/1/connections/\(id)?targetName=g.%2A")
            try await client.send([join("g.*", 1)], [PubSubClient.ack(1)])
            // The target is one group, and no pattern.
            try await client.send(
                [join("g.1", 2)],
                [PubSubClient.ack(2, "Forbidden", "The client does not have permission to join group 'g.1'.")]
            )
            try await api.expect(200, "PUT", all)
            try await client.send([join("g.1", 2)], [PubSubClient.ack(2)])
            try await api.expect(204, "DELETE", one)
            try await api.expect(404, "HEAD", one)
            try await api.expect(200, "HEAD", all)
            // It stays a member.
            try await api.expect(200, "HEAD", "/groups/g.%2A")
            try await api.expect(204, "DELETE", all)
            try await api.expect(404, "HEAD", all)
        }
    }

    @Test func `Permissions of nobody, and what is no permission`() async throws {
        try await PubSubNode.with { node in
            let (client, id) = try await PubSubClient.open(node)
            let api = PubSubCaller(node: node)
            for missing in ["x", "\(ConnectionID.random(on: NodeID.random()))"] {
                let path = "/permissions/sendToGroup/connections/\(missing)"
                let answer = try await api.call("PUT", path)
                #expect(answer.status == 404 && answer[header: "x-ms-error-code"] == "Info.Connection.NotExisted")
                #expect(answer.json["code"] as? String == "Info.Connection.NotExisted")
                try await api.expect(204, "DELETE", path)
                try await api.expect(404, "HEAD", path)
            }
            for path in [
                "/permissions/shout/connections/\(id)", "/permissions/sendToGroup/connections/\(id)?targetName=",
                "/permissions/3/connections/\(id)", "/permissions/sendToGroup/connections/\(id)?targetName=%20",
            ] {
                for method in ["PUT", "DELETE", "HEAD"] {
                    #expect(try await api.call(method, path).status == 400, "\(method) \(path)")
                }
            }
            withExtendedLifetime(client) {}
        }
    }
}
