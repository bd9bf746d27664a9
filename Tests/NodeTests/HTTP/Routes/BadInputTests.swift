import TestSupport
import Testing

@testable import VolaryNode

/// Invalid input is refused with the name of the invalid part, and has no effect.
@Suite
struct BadInputTests {
    private static let id = "0123456789abcdef0123456789abcdef"
    private static let deep = String(repeating: "[", count: 100_000)

    @Test(arguments: [
        ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=-1", "limit"), ("limit=+1", "limit"), ("limit=", "limit"),
        ("limit=99999999999999999999", "limit"), ("limit=1&limit=1", "limit"), ("limit=1&%6cimit=2", "limit"),
        ("cursor=x", "cursor"), ("cursor=", "cursor"), ("cursor=0123456789ABCDEF0123456789ABCDEF", "cursor"),
        ("user=a%00b", "user"), ("user=", "user"), ("group=%00", "group"),
        ("group=\(String(repeating: "x", count: 1025))", "group"), ("node=%ff", "node"), ("node=%zz", "node"),
        ("gruop=x", "gruop"), ("%ff=1", "%ff"),
    ])
    func `A query that is wrong`(query: String, field: String) async throws {
        try await APITestNode.with { node in
            let answer = try await node.http.request("GET", "/api/connections?\(query)")
            #expect(answer.status == 400)
            #expect(answer.problem == "invalid-query")
            #expect(answer.field == field)
        }
    }

    @Test func `What is wrong with a message says so, and nobody hears any of it`() async throws {
        let bodies: [(bytes: [UInt8], field: String?)] = [
            (Array(#"{"message":"a","message":"b"}"#.utf8), "message"),
            (Array(#"{"message":"a","m\u0065ssage":"b"}"#.utf8), "message"),
            (Array(#"{"message":"a","more":{"x":1,"x":2}}"#.utf8), "more"),
            (Array(#"{"message":"a","more":"#.utf8) + Array(Self.deep.utf8), "more"),
            (Array(#"{"data":"#.utf8) + Array(Self.deep.utf8), nil),
            (Array(#"{"message":""#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8), nil),
            (Array(#"{"message":""#.utf8) + [0xED, 0xA0, 0x80] + Array(#""}"#.utf8), nil),
            (Array(#"{"message":"\ud800"}"#.utf8), nil),
            (#"{"message":"a"}"#.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }, nil),
            (Array(#"{"message":"a"} {}"#.utf8), nil),
            (Array(#"{"message":"\u00a0\u2003 "}"#.utf8), "message"),
        ]
        try await APITestNode.with { node in
            let client = try await WebSocketTestClient.connect(port: node.port)
            _ = await eventually { (try? await node.http.request("GET", "/api/connections"))?.json["count"] as? Int == 1 }
            for (bytes, field) in bodies {
                let head =
                    "POST /api/connections/broadcast HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(bytes.count)\r\n\r\n"
                let (text, _) = try await node.answer(to: Array(head.utf8) + bytes) { $0.hasSuffix("}") }
                let note: Comment = "\(String(decoding: bytes.prefix(60), as: UTF8.self)): \(text)"
                #expect(text.hasPrefix("HTTP/1.1 400 "), note)
                #expect(text.contains("urn:volary:problem:invalid-body"), note)
                #expect(text.contains("\"field\":\"\(field ?? "")\"") == (field != nil), note)
            }
            let good = try await node.http.request("POST", "/api/connections/broadcast", body: #"{"message":"good"}"#)
            #expect(good.status == 200)
            guard case .text(let first) = try await client.next() else { throw APITestNode.Failure() }
            #expect(first.contains("\"message\":\"good\""))
        }
    }

    @Test func `A body past the limit is refused when its length is told, before any of it comes`() async throws {
        try await APITestNode.with([.maximumBody: "1KiB"]) { node in
            let head = "POST /api/connections/broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n"
            let (text, _) = try await node.answer(to: Array(head.utf8)) { $0.hasSuffix("}") }
            #expect(text.hasPrefix("HTTP/1.1 413 "))
            #expect(text.contains("urn:volary:problem:body-too-large"))
        }
    }

    @Test(arguments: [
        ("GET", "/api/connections/\(Self.id)"), ("DELETE", "/api/connections/\(Self.id)"),
        ("PUT", "/api/groups/g/connections/\(Self.id)"), ("DELETE", "/api/groups/g/connections/\(Self.id)"),
        ("POST", "/api/connections/\(Self.id)/send"), ("GET", "/api/connections/x"), ("POST", "/api/connections/x/send"),
    ])
    func `An id of a node that is not there, or of nothing at all, is unknown`(method: String, path: String) async throws {
        try await APITestNode.with { node in
            let answer = try await node.http.request(method, path, body: method == "POST" ? #"{"message":"a"}"# : nil)
            #expect(answer.status == 404)
            #expect(answer.problem == "unknown-connection")
            #expect(answer.field == "id")
        }
    }

}
