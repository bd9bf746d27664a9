import TestSupport
import Testing

@testable import VolaryNode

/// Request bodies that the client need not send.
@Suite
struct RequestBodyTests {
    private static let broadcast = "/api/connections/broadcast"
    private static let json = "Content-Type: application/json\r\n"
    private static let message = #"{"message":"x"}"#

    private static func post(_ path: String, _ fields: String, key: String? = nil) -> String {
        let key = key.map { "Idempotency-Key: \($0)\r\n" } ?? ""
        return "POST \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer correct-horse-battery\r\n\(key)\(fields)\r\n"
    }

    private static func expecting(_ fields: String = Self.json) -> String {
        "Expect: 100-continue\r\nContent-Length: \(Self.message.utf8.count)\r\n\(fields)"
    }

    private static func statuses(_ text: String) -> [String] {
        text.matches(of: #/HTTP/1\.1 (\d+) /#).map { String($0.1) }
    }

    @Test(
        arguments: [
            (Self.broadcast, Self.expecting("Content-Type: text/plain\r\n"), "415"), (Self.broadcast, Self.expecting(""), "415"),
            (Self.broadcast, Self.expecting(Self.json + "Content-Encoding: gzip\r\n"), "415"),
            (Self.broadcast + "?wait=x", Self.expecting(), "400"), (Self.broadcast + "?other=1", Self.expecting(), "400"),
            ("/nowhere", Self.expecting(), "404"), ("/api/connections/x/send", Self.expecting(), "404"),
            ("/api/groups/a%ffb/send", Self.expecting(), "400"), ("/livez", Self.expecting(), "405"),
            (Self.broadcast, Self.expecting().replacing("Content-Length: 15", with: "Content-Length: 2097153"), "413"),
            (Self.broadcast, "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n", "415"),
            (Self.broadcast, Self.expecting() + "Idempotency-Key: a b\r\n", "400"),
            (Self.broadcast, Self.expecting() + "Authorization: Bearer correct-horse-battery\r\n", "401"),
        ]
    )
    func `What the head decides is said at once, nobody is told to go on, and the connection ends`(
        _ path: String,
        _ fields: String,
        _ status: String
    ) async throws {
        try await APITestNode.with([.apiKey: "correct-horse-battery"]) { node in
            for key in [nil, "key"] {
                let client = try await RawTestClient.connect(port: node.port)
                try await client.send(Self.post(path, fields, key: key))
                #expect(await eventually { client.isEnded }, "\(client.received)")
                #expect(Self.statuses(client.received) == [status], "\(client.received)")
                #expect(client.received.contains("connection: close\r\n"))
            }
        }
    }

    @Test(arguments: [nil, "key"])
    func `A body that is wanted is asked for once, and the connection goes on behind it`(_ key: String?) async throws {
        try await APITestNode.with([.apiKey: "correct-horse-battery"]) { node in
            let client = try await RawTestClient.connect(port: node.port)
            try await client.send(
                "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + Self.post(Self.broadcast, Self.expecting(), key: key)
            )
            #expect(await eventually { Self.statuses(client.received) == ["200", "100"] }, "\(client.received)")
            try await client.send(String(Self.message.prefix(5)))
            try await client.send(String(Self.message.dropFirst(5)))
            #expect(await eventually { Self.statuses(client.received) == ["200", "100", "200"] }, "\(client.received)")
            // The body has arrived, so no 100 Continue is needed.
            try await client.send(Self.post(Self.broadcast, Self.expecting(), key: key) + Self.message)
            #expect(await eventually { Self.statuses(client.received) == ["200", "100", "200", "200"] }, "\(client.received)")
            #expect(!client.isEnded)
        }
    }

    @Test(
        arguments: [
            ("2097153", "413"), ("9223372036854775807", "413"), ("9223372036854775808", "413"), ("18446744073709551615", "413"),
            ("18446744073709551616", "413"), ("99999999999999999999999999999999999999999999999999", "413"), ("0002097153", "413"),
            ("  18446744073709551616 ", "413"),
            ("-1", "400"), ("+1", "400"), ("1x", "400"), ("99999999999999999999x", "400"), ("1 99999999999999999999", "400"),
            ("0x10", "400"),
        ]
    )
    func `A length past the limit is refused at once, however large; one that is no number is malformed`(
        _ length: String,
        _ status: String
    ) async throws {
        try await APITestNode.with([.apiKey: "correct-horse-battery"]) { node in
            for key in [nil, "key"] {
                let client = try await RawTestClient.connect(port: node.port)
                try await client.send(Self.post(Self.broadcast, "\(Self.json)Content-Length: \(length)\r\n", key: key))
                #expect(await eventually { client.isEnded }, "\(client.received)")
                #expect(Self.statuses(client.received) == [status], "\(client.received)")
            }
        }
    }

    @Test(
        arguments: [
            "8000000000000000", "200001", "FFFFFFFFFFFFFFFF", "ffffffff", "0000200001", "200001;name=value",
            "5\r\n{\"mes\r\n7fffffff",
        ]
    )
    func `A chunk past the limit is refused at once, before its bytes come`(_ size: String) async throws {
        try await APITestNode.with([.apiKey: "correct-horse-battery"]) { node in
            let head = Self.post(Self.broadcast, "\(Self.json)Transfer-Encoding: chunked\r\n")
            for (pieces, key) in [([head + size + "\r\n"], nil), ([head, size + "\r\n"], "key"), ([head + size + "\r\n{"], nil)] {
                let client = try await RawTestClient.connect(port: node.port)
                let pieces =
                    key == nil
                    ? pieces : [pieces[0].replacing("Host: x\r\n", with: "Host: x\r\nIdempotency-Key: k\r\n")] + pieces[1...]
                for piece in pieces {
                    try await client.send(piece)
                    #expect(try await node.http.request("GET", "/livez").status == 200)
                }
                #expect(await eventually { client.isEnded }, "\(client.received)")
                #expect(Self.statuses(client.received) == ["413"], "\(client.received)")
            }
        }
    }

    @Test(arguments: [
        ["8000000000000", "000\r\n"], ["2000", "01\r\n"], ["200001\r", "\n"], ["5\r\n{\"mes\r", "\n7fff", "ffff\r\n"],
    ])
    func `A chunk past the limit is refused at once also when its line arrives in pieces`(_ pieces: [String]) async throws {
        try await APITestNode.with { node in
            let client = try await RawTestClient.connect(port: node.port)
            try await client.send(Self.post(Self.broadcast, "\(Self.json)Transfer-Encoding: chunked\r\n"))
            for piece in pieces where !client.isEnded {
                // Fails if the node has closed the connection since.
                try? await client.send(piece)
                #expect(try await node.http.request("GET", "/livez").status == 200)
            }
            #expect(await eventually { client.isEnded }, "\(client.received)")
            #expect(Self.statuses(client.received) == ["413"], "\(client.received)")
        }
    }

    @Test(
        arguments: [
            // The largest chunk, data that looks like a large chunk size, and a trailer field.
            ["200000\r\n", "x"], ["14\r\n", "\r\nffffffff\r\n"], ["1\r\n{\r\n0\r\n", "ffffffff: x\r\n"],
            // The data of a chunk that a read ends with, alone and with the end of its line.
            ["8\r\nffffffff\r\n", "1\r\n{\r\n"], ["8\r\nffffffff", "\r\n"], ["8\r", "\nffffffff", "\r\n8\r\n"],
        ]
    )
    func `A chunk within the limit is waited for, whatever its bytes look like`(_ pieces: [String]) async throws {
        try await APITestNode.with { node in
            let client = try await RawTestClient.connect(port: node.port)
            try await client.send(Self.post(Self.broadcast, "\(Self.json)Transfer-Encoding: chunked\r\n"))
            for piece in pieces {
                try await client.send(piece)
                #expect(try await node.http.request("GET", "/livez").status == 200)
            }
            #expect(client.received.isEmpty && !client.isEnded, "\(client.received)")
        }
    }

    @Test
    func `Behind a body that nobody has read and that may have no end, there is no other request`() async throws {
        try await APITestNode.with { node in
            for fields in ["Transfer-Encoding: chunked\r\n", "Content-Length: 2097153\r\n"] {
                let client = try await RawTestClient.connect(port: node.port)
                try await client.send("POST /livez HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")
                #expect(await eventually { client.isEnded }, "\(client.received)")
                #expect(Self.statuses(client.received) == ["405"])
            }
        }
    }

    @Test(arguments: ["gzip", "GZIP", "identity, gzip", "br", "x-unknown", "deflate,gzip"])
    func `A body comes without a coding`(_ coding: String) async throws {
        try await APITestNode.with { node in
            func post(_ coding: String) async throws -> HTTPTestResponse {
                try await node.http.request("POST", Self.broadcast, headers: ["Content-Encoding": coding], body: Self.message)
            }
            let answer = try await post(coding)
            #expect((answer.status, answer.problem, answer.field) == (415, "unsupported-content-encoding", "Content-Encoding"))
            #expect(answer[header: "accept-encoding"] == "identity")
            for coding in ["identity", "Identity"] { #expect(try await post(coding).status == 200) }
        }
    }
}
