import HTTPTypes
import NIOCore
import Testing

@testable import VolaryNode

/// Stored answers and request digests.
struct StoredAnswerTests {
    @Test func `An answer comes back as it was`() async throws {
        let response = Response(
            status: .created,
            headers: [.contentType: "application/json", .location: "/a", .setCookie: "a=1", .vary: ""],
            body: ByteBuffer(bytes: Array("one ".utf8) + [0, 255])
        )
        let first = try #require(StoredAnswer.encode(response))
        let again = try #require(StoredAnswer.decode(first))
        let second = StoredAnswer.encode(again)
        #expect(again.status == .created && again.headers[StoredAnswer.replayed] == "true")
        var headers = again.headers
        headers[StoredAnswer.replayed] = nil
        #expect(headers == response.headers && headers[.contentLength] == "6")
        #expect(try await again.collected() == response.collected())
        // Only the field that marks a repeated answer has been added.
        #expect(second?.readableBytes == first.readableBytes + 2 + "Idempotency-Replayed".count + 2 + "true".count)
    }

    @Test func `What nobody wrote is no answer`() throws {
        let whole = try #require(StoredAnswer.encode(JSONBody.response(["a": "b"])))
        let head = whole.readableBytes - #"{"a":"b"}"#.utf8.count
        for length in 0..<head {
            #expect(StoredAnswer.decode(whole.getSlice(at: 0, length: length)!) == nil, "cut to \(length)")
        }
        var newer = whole
        newer.setInteger(2 as UInt8, at: 0)
        #expect(StoredAnswer.decode(newer) == nil)
        var odd = whole
        odd.setInteger(99 as UInt16, at: 1)
        #expect(StoredAnswer.decode(odd) == nil)
    }

    /// Nodes of different builds must agree. The value was computed with Python's hashlib.
    @Test func `A request has the same digest everywhere`() {
        #expect(self.digest("/api/send/one?a=1", "{}") == "840f9087c431629051eae0d407595f8a1aa7d6fb85c9785e18139b86d28a4286")
    }

    @Test func `The parts of a request do not run into each other`() {
        let digests = [("/a?b", "c"), ("/a", "bc"), ("/a", "c"), ("/ab", "c"), ("/a?bc", ""), ("/a?b=", "c")].map(self.digest)
        #expect(Set(digests).count == digests.count)
    }

    private func digest(_ path: String, _ body: String) -> String {
        let body = ByteBuffer(string: body)
        let head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: path)
        return RequestDigest.text(of: Request(head: head, body: RequestBody(buffer: body)), body: body)
    }
}
