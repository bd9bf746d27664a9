import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import Testing
import VolaryBackplane

@testable import VolaryNode

/// Problem documents as callers get them.
@Suite
struct ProblemTests {
    @Test func `A problem is one JSON object with the members of RFC 9457`() {
        let problem = Problem(.notFound, "no-such", "There is \"none\".", field: "id")
        #expect(
            String(buffer: problem.json)
                == #"{"detail":"There is \"none\".","field":"id","status":404,"title":"Not Found","type":"urn:volary:problem:no-such"}"#
        )
    }

    @Test func `A problem without a field has no such member`() {
        #expect(
            String(buffer: Problem(.badRequest, "x", "y").json)
                == #"{"detail":"y","status":400,"title":"Bad Request","type":"urn:volary:problem:x"}"#
        )
    }

    @Test(arguments: ["x", "\u{301}", "\u{301}\u{323}", "🙂", "e\u{301}"])
    func `What a caller has sent is quoted in 64 bytes at most`(unit: String) {
        let long = "n" + String(repeating: unit, count: 10_000)
        for problem in [Problem.invalidQuery(long, "wrong"), .invalidBody("wrong", field: long)] {
            #expect((60...64).contains(problem.field?.utf8.count ?? 0))
            #expect(problem.json.readableBytes < 300)
        }
        #expect(Problem.short("short \u{E9}") == "short \u{E9}")
    }

    @Test func `From the router, it is problem+json that nobody may store`() {
        let response = Problem(.serviceUnavailable, "x", "y", headers: [.retryAfter: "1"]).response
        #expect(response.status == .serviceUnavailable)
        #expect(response.headers[.contentType] == "application/problem+json")
        #expect(response.headers[.cacheControl] == "no-store")
        #expect(response.headers[.retryAfter] == "1")
    }

    @Test func `In place of an upgrade, it ends the connection`() {
        let head = WebSocketHandshake.Refusal.unsupportedVersion.problem.responseHead(bodyBytes: 42)
        #expect(head.status.code == 426)
        #expect(head.headers["content-type"] == ["application/problem+json"])
        #expect(head.headers["content-length"] == ["42"])
        #expect(head.headers["connection"] == ["close"])
        #expect(head.headers["sec-websocket-version"] == ["13"])
        #expect(head.headers["upgrade"] == ["websocket"])
    }

    @Test(arguments: [
        (BrokerError.outboxFull, 503, "relay-unavailable"), (.idleHistoryFull, 503, "idle-history-full"),
        (.closed, 503, "relay-unavailable"),
        (.cancelled, 503, "relay-unavailable"), (.refused, 503, "relay-refused"),
        (.tooLarge, 413, "message-too-large"),
    ])
    func `What the broker does not take has its status`(error: BrokerError, status: Int, name: String) {
        #expect(Problem(error).status.code == status)
        #expect(Problem(error).name == name)
        #expect((Problem(error).headers[.retryAfter] != nil) == (status == 503 && error != .refused))
    }
}
