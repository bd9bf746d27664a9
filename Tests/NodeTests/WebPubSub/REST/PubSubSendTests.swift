import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// `:send` of Web PubSub's REST API.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct PubSubSendTests {
    private static func server(_ type: String, _ data: String, _ more: String = "") -> String {
        #"{"type":"message","from":"server","dataType":"\#(type)","data":\#(data)\#(more)}"#
    }

    private static func group(_ name: String, _ text: String) -> String {
        #"{"type":"message","from":"group","group":"\#(name)","dataType":"text","data":"\#(text)"}"#
    }

    @Test func `A message reaches all, a group, a user or a connection, on every node`() async throws {
        try await PubSubNode.withTwo { a, b in
            let ann = try await PubSubClient.open(a, user: "ann", groups: ["g/1"])
            let bob = try await PubSubClient.open(b, user: "b/b")
            let api = PubSubCaller(node: a)
            try await api.expect(202, "POST", "/:send", body: "all")
            try await api.expect(202, "POST", "/groups/g%2F1/:send", body: "group")
            try await api.expect(202, "POST", "/users/b%2Fb/:send", body: "user")
            try await api.expect(202, "POST", "/connections/\(bob.id)/:send/", body: "connection")
            #expect(try await ann.client.next() == Self.server("text", #""all""#))
            #expect(try await ann.client.next() == Self.group("g/1", "group"))
            for text in ["all", "user", "connection"] {
                #expect(try await bob.client.next() == Self.server("text", "\"\(text)\""))
            }
            for client in [ann.client, bob.client] { #expect(try await client.before() == []) }
        }
    }

    @Test func `A message is accepted when nobody is there`() async throws {
        try await PubSubNode.with { node in
            let api = PubSubCaller(node: node)
            let nobody = ConnectionID.random(on: NodeID.random())
            for path in ["/:send", "/groups/g/:send", "/users/u/:send", "/connections/x/:send", "/connections/\(nobody)/:send"] {
                try await api.expect(202, "POST", path, body: "x")
            }
        }
    }

    @Test func `A body keeps its type, and its bytes`() async throws {
        try await PubSubNode.with { node in
            let client = try await PubSubClient.open(node).client
            let api = PubSubCaller(node: node)
            let rows: [(type: String, body: String, message: String)] = [
                ("text/plain; charset=utf-8", "é", Self.server("text", #""é""#)),
                ("text/plain; charset=windows-1252", "€", Self.server("text", #""â‚¬""#)),
                ("TEXT/PLAIN", "", Self.server("text", #""""#)),
                ("application/json", #"{"b": 1.0, "a":1}"#, Self.server("json", #"{"b": 1.0, "a":1}"#)),
                ("application/json;charset=utf-8", "7", Self.server("json", "7")),
                ("application/json", "", Self.server("text", #""""#)),
                ("application/octet-stream", "ab", Self.server("binary", #""YWI=""#)),
            ]
            for row in rows {
                try await api.expect(202, "POST", "/:send", body: row.body, type: row.type)
                #expect(try await client.next() == row.message)
            }
            let metadata = ["X-WebPubSub-Metadata-Trace": "a, b ", "x-webpubsub-metadata-n": "1"]
            try await api.expect(202, "POST", "/:send?messageTtlSeconds=300", headers: metadata, body: "x")
            #expect(try await client.next() == Self.server("text", #""x""#, #","metadata":{"n":"1","trace":"b"}"#))
        }
    }

    @Test func `Exclusions and filters leave connections out, on every node`() async throws {
        try await PubSubNode.withTwo { a, b in
            let ann = try await PubSubClient.open(a, user: "ann", groups: ["g"])
            let bob = try await PubSubClient.open(b, user: "bob", groups: ["g", "spam"])
            let eve = try await PubSubClient.open(b, groups: ["g"])
            let api = PubSubCaller(node: a)
            let rows: [(query: String, receivers: [String])] = [
                ("excluded=\(bob.id)&excluded=unknown", ["ann", "eve"]),
                ("excluded=\(bob.id)&excluded=\(ann.id)", ["eve"]),
                ("filter=userId%20eq%20'bob'", ["bob"]),
                ("filter=userId%20ne%20null%20and%20not%20('spam'%20in%20groups)", ["ann"]),
                ("filter=connectionId%20eq%20'\(eve.id)'", ["eve"]),
                ("filter=length(groups)%20gt%200&excluded=\(eve.id)", ["ann", "bob"]),
                ("filter=protocol%20eq%20'json.webpubsub.azure.v1'", ["ann", "bob", "eve"]),
                ("filter=", ["ann", "bob", "eve"]),
            ]
            let clients = [("ann", ann.client), ("bob", bob.client), ("eve", eve.client)]
            for (number, row) in rows.enumerated() {
                for path in ["", "/groups/g"] {
                    try await api.expect(202, "POST", "\(path)/:send?\(row.query)", body: "\(number)")
                    // The next message of everyone is behind it.
                    try await api.expect(202, "POST", "/:send", body: "end")
                    for (name, client) in clients {
                        var texts = [try await client.next()]
                        if !texts[0].contains("end") { texts.append(try await client.next()) }
                        #expect((texts.count == 2) == row.receivers.contains(name), "\(row.query) \(name): \(texts)")
                    }
                }
            }
        }
    }

    @Test func `What is wrong is refused, with its code in the header and in the body`() async throws {
        try await PubSubNode.with { node in
            let api = PubSubCaller(node: node)
            let big = String(repeating: "x", count: PubSubBody.maximumBytes + 1)
            let rows: [(path: String, type: String, body: String, status: Int)] = [
                ("/:send", "application/json", "{", 400), ("/:send", "application/json", "1 2", 400),
                ("/:send", "text/html", "x", 415), ("/:send", "text/plain; charset=klingon", "x", 415),
                ("/:send", "text/plain", big, 400), ("/:send", "application/octet-stream", big, 400),
                ("/:send?messageTtlSeconds=301", "text/plain", "x", 400), ("/:send?messageTtlSeconds=-1", "text/plain", "x", 400),
                ("/:send?messageTtlSeconds=a", "text/plain", "x", 400),
                ("/:send?filter=userId%20lt%201", "text/html", "x", 400),
                ("/:send?filter=nobody%20eq%201", "text/plain", "x", 400),
                ("/:send?filter=a&filter=b", "text/plain", "x", 400), ("/:send?filter=%FF", "text/plain", "x", 400),
                ("/groups/%20/:send", "text/plain", "x", 400),
                ("/groups/\(String(repeating: "g", count: 1025))/:send", "text/plain", "x", 400),
                ("/users/%00/:send", "text/plain", "x", 400),
            ]
            for row in rows {
                let answer = try await api.call("POST", row.path, body: row.body, type: row.type)
                let code = row.status == 400 ? "Error.BadRequest" : "Error.UnsupportedMediaType"
                #expect(answer.status == row.status, "\(row.path.prefix(80)): \(answer.status) \(answer.body)")
                #expect(
                    answer[header: "x-ms-error-code"] == code && answer.json["code"] as? String == code,
                    "\(row.path.prefix(80))"
                )
                #expect(answer.json["target"] as? String == "Request" && answer.json["message"] is String)
            }
            let filter = try await api.call("POST", "/:send?filter=userId%20lt%201", body: "x")
            #expect(
                filter.json["message"] as? String
                    == "Invalid syntax for 'userId lt 1': Type 'string', expect 'int'. (Parameter 'filter')"
            )
            let json = try await api.call("POST", "/:send", body: "{", type: "application/json")
            #expect(json.json["message"] as? String == "The request body is not a valid JSON.")
            let key = String(repeating: "k", count: 257)
            for headers in [
                ["X-WebPubSub-Metadata-\(key)": "x"], ["X-WebPubSub-Metadata-k": String(repeating: "v", count: 1025)],
            ] {
                #expect(try await api.call("POST", "/:send", headers: headers, body: "x").status == 400)
            }
            // With the token, more do not fit into a head of the default size.
            let many = (0..<100).map { _ in "excluded=\(ConnectionID.random(on: NodeID.random()))" }
            try await api.expect(202, "POST", "/:send?\(many.joined(separator: "&"))", body: "x")
        }
    }
}
