import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Groups, users and connections of Web PubSub's REST API.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PubSubGroupTests {
    /// The ids on all pages of a group.
    private static func members(
        _ api: PubSubCaller,
        _ group: String,
        _ query: String = ""
    ) async throws -> (pages: [[String]], users: [String?]) {
        var (pages, users): ([[String]], [String?]) = ([], [])
        var path: String? = "/groups/\(group)/connections\(query)"
        while let next = path {
            let answer = try await api.call("GET", next)
            #expect(answer.status == 200, "\(answer.body)")
            let values = try #require(answer.json["value"] as? [[String: Any]])
            pages.append(values.compactMap { $0["connectionId"] as? String })
            users += values.map { $0["userId"] as? String }
            let link = answer.json["nextLink"] as? String
            let base = "http://127.0.0.1:\(api.node.port)/api/hubs/\(api.hub)"
            if let link { #expect(link.hasPrefix(base), "\(link)") }
            path = link.map { String($0.dropFirst(base.count)) }
        }
        return (pages, users)
    }

    @Test func `A connection on any node joins and leaves a group`() async throws {
        try await PubSubNode.withTwo { a, b in
            let ann = try await PubSubClient.open(b, user: "ann")
            let api = PubSubCaller(node: a)
            try await api.expect(404, "HEAD", "/groups/g")
            try await api.expect(200, "PUT", "/groups/g/connections/\(ann.id)")
            try await api.expect(200, "PUT", "/groups/g/connections/\(ann.id)")
            try await api.expect(200, "HEAD", "/groups/g")
            try await api.expect(202, "POST", "/groups/g/:send", body: "in")
            #expect(try await ann.client.next().contains(#""data":"in""#))
            try await api.expect(204, "DELETE", "/groups/g/connections/\(ann.id)")
            try await api.expect(204, "DELETE", "/groups/g/connections/\(ann.id)")
            try await api.expect(404, "HEAD", "/groups/g")
            for group in ["x", "y"] { try await api.expect(200, "PUT", "/groups/\(group)/connections/\(ann.id)") }
            try await api.expect(204, "DELETE", "/connections/\(ann.id)/groups")
            for group in ["x", "y"] { try await api.expect(404, "HEAD", "/groups/\(group)") }
            try await api.expect(202, "POST", "/groups/x/:send", body: "out")
            #expect(try await ann.client.before() == [])
        }
    }

    @Test func `The present connections of a user join and leave, later ones do not`() async throws {
        try await PubSubNode.withTwo { a, b in
            let clients = [try await PubSubClient.open(a, user: "ann"), try await PubSubClient.open(b, user: "ann")]
            let api = PubSubCaller(node: a)
            try await api.expect(200, "HEAD", "/users/ann")
            try await api.expect(200, "PUT", "/users/ann/groups/g")
            let later = try await PubSubClient.open(a, user: "ann")
            #expect(try await Self.members(api, "g").pages.flatMap(\.self) == clients.map(\.id).sorted())
            try await api.expect(204, "DELETE", "/users/ann/groups/g")
            #expect(try await Self.members(api, "g").pages == [[]])
            for group in ["x", "y"] { try await api.expect(200, "PUT", "/users/ann/groups/\(group)") }
            #expect(try await Self.members(api, "x").users == ["ann", "ann", "ann"])
            try await api.expect(204, "DELETE", "/users/ann/groups")
            for group in ["x", "y"] { try await api.expect(404, "HEAD", "/groups/\(group)") }
            withExtendedLifetime((clients, later)) {}
        }
    }

    @Test func `Connections that a filter selects join and leave several groups`() async throws {
        try await PubSubNode.withTwo { a, b in
            let (ann, bob) = (try await PubSubClient.open(a, user: "ann"), try await PubSubClient.open(b, user: "bob"))
            let api = PubSubCaller(node: a)
            let some = #"{"groups":["x","y"],"filter":"userId eq 'bob'"}"#
            try await api.expect(200, "POST", "/:addToGroups", body: some, type: "application/json")
            for group in ["x", "y"] { #expect(try await Self.members(api, group).pages == [[bob.id]]) }
            try await api.expect(200, "POST", "/:addToGroups", body: #"{"groups":["x"]}"#, type: "application/json")
            #expect(try await Self.members(api, "x").pages == [[ann.id, bob.id].sorted()])
            try await api.expect(200, "POST", "/:removeFromGroups", body: some, type: "application/json")
            #expect(try await Self.members(api, "x").pages == [[ann.id]])
            try await api.expect(
                200,
                "POST",
                "/:removeFromGroups",
                body: #"{"groups":["x"],"filter":null}"#,
                type: "application/json"
            )
            try await api.expect(404, "HEAD", "/groups/x")
        }
    }

    @Test func `The members of a group come in pages, by id`() async throws {
        try await PubSubNode.withTwo { a, b in
            var clients: [(client: PubSubClient, id: String)] = []
            for node in [a, b, a, b, a] { clients.append(try await PubSubClient.open(node, user: "u", groups: ["g"])) }
            let ids = clients.map(\.id).sorted()
            let api = PubSubCaller(node: a)
            let pages = { (rest: [Int]) in
                var from = 0
                return rest.map { count in
                    defer { from += count }
                    return Array(ids[from..<from + count])
                }
            }
            #expect(try await Self.members(api, "g").pages == pages([5]))
            #expect(try await Self.members(api, "g", "?maxpagesize=2").pages == pages([2, 2, 1]))
            #expect(try await Self.members(api, "g", "?maxpagesize=2&top=3&api-version=2021-10-01").pages == pages([2, 1]))
            #expect(try await Self.members(api, "g", "?top=5").pages == pages([5]))
            #expect(try await Self.members(api, "g", "?top=4").pages == pages([4]))
            for query in [
                "maxpagesize=0", "maxpagesize=201", "top=0", "top=x", "continuationToken=x", "continuationToken=", "top=1&top=2",
            ] {
                #expect(try await api.call("GET", "/groups/g/connections?\(query)").status == 400, "\(query)")
            }
        }
    }

    @Test func `What is not there has its own answers`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.open(node)
            let other = PubSubCaller(node: node, hub: "other")
            let api = PubSubCaller(node: node)
            let gone = ConnectionID.random(on: NodeID.random())
            for id in ["x", "\(gone)", "\(ConnectionID.random(on: gone.node))"] {
                let answer = try await api.call("PUT", "/groups/g/connections/\(id)")
                #expect(answer.status == 404 && answer[header: "x-ms-error-code"] == "Error.Connection.NotExisted")
                #expect(answer.json["message"] as? String == "Connection `\(id)` is not found.")
                #expect(answer.json["target"] as? String == "Connection")
                try await api.expect(404, "HEAD", "/connections/\(id)")
                for path in ["/groups/g/connections/\(id)", "/connections/\(id)/groups", "/connections/\(id)"] {
                    try await api.expect(204, "DELETE", path)
                }
            }
            // Of another hub.
            try await other.expect(404, "HEAD", "/connections/\(client.id)")
            #expect(try await other.call("PUT", "/groups/g/connections/\(client.id)").status == 404)
            try await other.expect(204, "DELETE", "/connections/\(client.id)")
            try await api.expect(200, "HEAD", "/connections/\(client.id)")
            #expect(try await api.call("PUT", "/users/nobody/groups/g").status == 404)
            try await api.expect(204, "DELETE", "/users/nobody/groups/g")
            try await api.expect(204, "DELETE", "/users/nobody/groups")
            for (path, code) in [("/groups/g", "Warning.Group.NotExisted"), ("/users/u", "Warning.User.NotExisted")] {
                let answer = try await api.call("HEAD", path)
                #expect(answer.status == 404 && answer[header: "x-ms-error-code"] == code)
            }
            let rows: [(body: String, type: String, status: Int)] = [
                (#"{"groups":["g"]}"#, "text/plain", 415), ("{}", "application/json", 400),
                (#"{"groups":[]}"#, "application/json", 400),
                (#"{"groups":["g",1]}"#, "application/json", 400), (#"{"groups":["g","\n"]}"#, "application/json", 400),
                (#"{"groups":["g"],"filter":"x"}"#, "application/json", 400),
                (#"{"groups":["g"],"filter":1}"#, "application/json", 400),
                ("[", "application/json", 400),
            ]
            for row in rows {
                for path in ["/:addToGroups", "/:removeFromGroups"] {
                    #expect(try await api.call("POST", path, body: row.body, type: row.type).status == row.status, "\(row)")
                }
            }
            try await api.expect(404, "HEAD", "/groups/g")
        }
    }
}
