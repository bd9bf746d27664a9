import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Serialized, because many nodes at once would slow each other down on a busy machine.
@Suite(.serialized)
struct PushFormsTests {
    private static let broadcast = "/api/connections/broadcast"

    /// A node, and a client of user `zoë` in the group `/staff`.
    private static func withClient(
        _ options: [ConfigurationOption: String] = [:],
        _ body: (APITestNode, WebSocketTestClient, _ id: String) async throws -> Void
    ) async throws {
        try await APITestNode.with(options.merging([.insecureUserQuery: "on"]) { $1 }) { node in
            let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws?user=zo%C3%AB")
            var id: String?
            _ = try await eventually {
                let list = try await node.http.request("GET", "/api/connections")
                id = (list.json["connections"] as? [[String: Any]])?.first?["id"] as? String
                return id != nil
            }
            let known = try #require(id)
            #expect(try await node.http.request("PUT", "/api/groups/%2Fstaff/connections/\(known)").status == 204)
            try await body(node, client, known)
        }
    }

    /// A frame without its timestamp, which is checked separately.
    private static func text(
        _ client: WebSocketTestClient,
        _ time: Regex<Substring> = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/#
    ) async throws -> String {
        guard case .text(let text) = try await client.next() else { throw WebSocketTestClient.Failure.timeout }
        #expect(text.matches(of: time).count == 1, "\(text)")
        return text.replacing(time, with: "TIME")
    }

    @Test
    func `A text says its id and to whom it was sent, behind the members that it had before; the id is the receipt's`()
        async throws
    {
        try await Self.withClient { node, client, id in
            for (path, more) in [
                (Self.broadcast, ""), ("/api/groups/%2Fstaff/send", #","group":"/staff""#),
                ("/api/users/zo%C3%AB/send", #","user":"zoë""#),
                ("/api/connections/\(id)/send", ""), ("/api/connections/\(id.prefix(8))/send", ""),
            ] {
                for wait in ["routed", "none"] {
                    let answer = try await node.http.request("POST", "\(path)?wait=\(wait)", body: #"{"message":"a \"b\""}"#)
                    let receipt = try #require(answer.json["id"] as? String)
                    let frame = #"{"type":"server-broadcast","message":"a \"b\"","timestamp":"TIME","id":"\#(receipt)"\#(more)}"#
                    #expect(try await Self.text(client) == frame)
                }
            }
        }
    }

    @Test(
        arguments: [
            #"{"price":7.10,"big":123456789012345678901234567890,"x":1e400}"#, "[]", "null", "true", "-0", #""text""#,
            #""\u00e9\n""#,
            "{ \"a\" :\n[ 1 , {} ] }", #"{"a":1,"a":2}"#, #"{"message":"inner","type":"x"}"#, "\"e\u{301}\"",
        ]
    )
    func `Any JSON is delivered as it was sent, as a value and not as a text`(data: String) async throws {
        try await Self.withClient { node, client, _ in
            for (path, more) in [(Self.broadcast, ""), ("/api/groups/%2Fstaff/send", #","group":"/staff""#)] {
                let answer = try await node.http.request("POST", path, body: "{ \"data\" : \(data) \n}")
                #expect((answer.status, answer.json["recipients"] as? Int) == (200, 1), "\(answer.body)")
                let receipt = try #require(answer.json["id"] as? String)
                let frame = #"{"type":"server-broadcast","timestamp":"TIME","id":"\#(receipt)"\#(more),"data":\#(data)}"#
                #expect(try await Self.text(client) == frame)
            }
        }
    }

    @Test
    func `Bytes are a binary frame, as they are`() async throws {
        try await Self.withClient([.maximumMessage: "1KiB"]) { node, client, id in
            for path in [Self.broadcast, "/api/groups/%2Fstaff/send", "/api/users/zo%C3%AB/send", "/api/connections/\(id)/send"] {
                for type in ["application/octet-stream", "Application/Octet-Stream; x=y"] {
                    let answer = try await node.http.request("POST", path, headers: ["content-type": type], body: "{\u{1}\u{7F}")
                    #expect((answer.status, answer.json["recipients"] as? Int) == (200, 1), "\(answer.body)")
                    #expect(try await client.next() == .binary([0x7B, 1, 0x7F]))
                }
            }
            let headers = ["content-type": "application/octet-stream"]
            for (count, status) in [(1024, 200), (1025, 413), (0, 400)] {
                let body = String(repeating: "x", count: count)
                let answer = try await node.http.request("POST", Self.broadcast, headers: headers, body: body)
                #expect((answer.status, answer.field) == (status, nil), "\(answer.body)")
            }
        }
    }

    @Test
    func `Times are as exact as the operator wants, in every message`() async throws {
        try await Self.withClient([.timestampPrecision: "milliseconds"]) { node, client, _ in
            let time = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#
            _ = try await node.http.request("POST", Self.broadcast, body: #"{"message":"x"}"#)
            #expect(try await Self.text(client, time).contains("server-broadcast"))
            try await client.send("y")
            for type in ["echo", "message"] { #expect(try await Self.text(client, time).contains(#"{"type":"\#(type)""#)) }
        }
    }

    @Test
    func `A client's message is as long as it was: nothing is added to it`() async throws {
        try await Self.withClient { _, client, id in
            try await client.send("x")
            let from = id.prefix(8)
            #expect(try await Self.text(client) == #"{"type":"echo","from":"\#(from)","message":"x","timestamp":"TIME"}"#)
            #expect(try await Self.text(client) == #"{"type":"message","from":"\#(from)","message":"x","timestamp":"TIME"}"#)
        }
    }

    @Test(
        arguments: [
            (#"{"message":"x","user":"alice"}"#, 400, "user"), (#"{"message":"x","from":"me"}"#, 400, "from"),
            (#"{"mesage":"x"}"#, 400, "mesage"), (#"{"data":1,"encoding":"base64"}"#, 400, "encoding"),
            (#"{"Message":"x"}"#, 400, "Message"),
            (#"{"message":"x","data":1}"#, 400, "data"), (#"{"data":null,"message":"x"}"#, 400, "data"), ("{}", 400, "message"),
            (#"{"message":7}"#, 400, "message"), (#"{"message":null}"#, 400, "message"), (#"{"message":" "}"#, 400, "message"),
            (#"{"data":1,"data":1}"#, 400, "data"), (#"{"data":}"#, 400, nil), (#"{"data":{"a":}}"#, 400, nil),
            (#"{"data":"\ud800"}"#, 400, nil),
            (#"{"data":\#(String(repeating: "[", count: 70))\#(String(repeating: "]", count: 70))}"#, 400, nil),
            (#"{"data":"\#(String(repeating: "x", count: 1023))"}"#, 413, "data"),
            (#"{"data":"\#(String(repeating: "x", count: 1022))"}"#, 200, nil),
            (#"{"message":"\#(String(repeating: "x", count: 1025))"}"#, 413, "message"),
        ] as [(String, Int, String?)]
    )
    func `What is wrong with a body is named, and members that are not known are refused, as they would be believed`(
        body: String,
        status: Int,
        field: String?
    ) async throws {
        try await APITestNode.with([.maximumMessage: "1KiB"]) { node in
            let answer = try await node.http.request("POST", Self.broadcast, body: body)
            #expect((answer.status, answer.field) == (status, field), "\(answer.body)")
        }
    }

    @Test
    func `A long name that is not known is cut, however it is made`() async throws {
        try await APITestNode.with { node in
            // 64 bytes, without half of a two-byte character.
            let (plain, marks) = (String(repeating: "x", count: 100_000), "a" + String(repeating: "\u{301}", count: 100_000))
            for (name, bytes) in [(plain, 64), (marks, 63)] {
                let answer = try await node.http.request("POST", Self.broadcast, body: "{\"\(name)\":1}")
                #expect(answer.status == 400 && answer.body.utf8.count < 1000)
                #expect(answer.field?.utf8.count == bytes)
            }
        }
    }

    @Test
    func `One idempotency key stands for bytes or for JSON, not for both; each is given again as what it was`() async throws {
        try await Self.withClient { node, client, _ in
            func push(_ type: String) async throws -> HTTPTestResponse {
                let headers = ["content-type": type, "idempotency-key": "one"]
                return try await node.http.request("POST", Self.broadcast, headers: headers, body: #"{"message":"x"}"#)
            }
            let first = try await push("application/octet-stream")
            #expect(first.status == 200)
            let again = try await push("application/octet-stream; charset=utf-8")
            #expect((again.status, again[header: "idempotency-replayed"]) == (200, "true"))
            #expect(again.json["id"] as? String == first.json["id"] as? String)
            #expect(try await push("application/json").status == 422)
            #expect(try await client.next() == .binary(Array(#"{"message":"x"}"#.utf8)))
        }
    }

    @Test
    func `Who has no type for a body, or another one, hears which there are`() async throws {
        try await APITestNode.with { node in
            for type in ["text/plain", "multipart/form-data; boundary=x", "application/octet-streams", "octet-stream", ""] {
                let answer = try await node.http.request("POST", Self.broadcast, headers: ["content-type": type], body: "x")
                #expect((answer.status, answer.problem) == (415, "not-json"), "\(type)")
                #expect(answer[header: "accept"] == "application/json, application/octet-stream")
            }
        }
    }
}
