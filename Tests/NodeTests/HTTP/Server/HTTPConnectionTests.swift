import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// Several requests on one connection.
@Suite
struct HTTPConnectionTests {
    private static let path = "/api/connections/broadcast?wait=none"

    private static func push(_ body: String, _ fields: String = "") -> String {
        "POST \(self.path) HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
    }

    private static func statuses(_ text: String) -> [String] {
        text.matches(of: /HTTP\/1\.1 (\d+)/).map { String($0.1) }
    }

    @Test func `Requests in one segment are answered in their order, the last with the end of the connection`() async throws {
        try await APITestNode.with { node in
            let message = Self.push(#"{"message":"Hello"}"#)
            let requests = message + "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n" + Self.push("{}") + message
            let last = "GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            let (text, isEnded) = try await node.answer(to: Array((requests + last + message).utf8)) { _ in false }
            #expect(Self.statuses(text) == ["202", "200", "400", "202", "404"])
            #expect(isEnded)
        }
    }

    @Test func `A body in pieces is one body`() async throws {
        try await APITestNode.with { node in
            let client = try await RawTestClient.connect(port: node.port)
            let text = String(repeating: "€", count: 100_000)
            let bytes = Array(Self.push(#"{"message":"\#(text)"}"#, "Connection: close\r\n").utf8)
            // The first piece ends within the head, the second within a character.
            for piece in [bytes[..<60], bytes[60..<1001], bytes[1001..<200_000], bytes[200_000...]] {
                try await client.send(bytes: Array(piece))
                #expect(try await node.http.request("GET", "/livez").status == 200)
            }
            #expect(await eventually { client.isEnded })
            #expect(Self.statuses(client.received) == ["202"])
        }
    }

    @Test func `A body that no route reads is not taken for the next request`() async throws {
        try await APITestNode.with { node in
            let client = try await RawTestClient.connect(port: node.port)
            let body = String(repeating: "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", count: 10_000)
            try await client.send("POST /livez HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
            #expect(await eventually { Self.statuses(client.received) == ["405"] }, "nobody waits for a body that is not wanted")
            try await client.send(body + "GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(await eventually { client.isEnded })
            #expect(Self.statuses(client.received) == ["405", "404"])
        }
    }

    @Test func `A node that stops waits for no body of an answered request, and for no other once its time is up`() async throws {
        // The second client gets 100 Continue once its body is read.
        let half = "Host: h\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
        var clients: [RawTestClient] = []
        var start = ContinuousClock.now
        try await APITestNode.with([.drainTimeout: "500ms"]) { node in
            for head in ["POST /livez HTTP/1.1\r\n", "POST \(Self.path) HTTP/1.1\r\n"] {
                clients.append(try await RawTestClient.connect(port: node.port))
                try await clients.last?.send(head + half)
            }
            #expect(await eventually { Self.statuses(clients[0].received) == ["405"] })
            #expect(await eventually { Self.statuses(clients[1].received) == ["100"] })
            start = .now
        }
        // The timeout of a body is 30 s.
        #expect(start.duration(to: .now) < .seconds(15))
        #expect(await eventually { clients.allSatisfy(\.isEnded) })
        #expect(Self.statuses(clients[1].received) == ["100", "408"])
    }

    @Test func `Who ends its half behind its requests gets all the answers`() async throws {
        try await APITestNode.with { node in
            let client = try await RawTestClient.connect(port: node.port)
            try await client.send(String(repeating: Self.push(#"{"message":"Hello"}"#), count: 50))
            try await client.endOutput()
            #expect(await eventually { client.isEnded })
            #expect(Self.statuses(client.received) == Array(repeating: "202", count: 50))
        }
    }

    @Test func `Many requests at once are all answered, to a client that reads late`() async throws {
        try await APITestNode.with { node in
            let client = try await RawTestClient.connect(port: node.port)
            try await client.stopReading()
            let count = 200
            let requests = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n", count: count)
            try await client.send(requests + "GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            try await client.resumeReading()
            #expect(await eventually { client.isEnded })
            #expect(Self.statuses(client.received) == Array(repeating: "200", count: count) + ["404"])
        }
    }

    @Test func `Every answer says when it was made`() async throws {
        try await APITestNode.with { node in
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = TimeZone(identifier: "GMT")
            formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
            for path in ["/livez", "/nowhere", "/openapi.json"] {
                let field = try #require(try await node.http.request("GET", path)[header: "date"])
                let date = try #require(formatter.date(from: field), "\(field)")
                #expect(abs(date.timeIntervalSinceNow) < 10)
            }
        }
    }
}
