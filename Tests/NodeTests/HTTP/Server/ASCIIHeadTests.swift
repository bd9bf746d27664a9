import HTTPTypes
import NIOHTTP1
import Testing

@testable import VolaryNode

struct ASCIIHeadTests {
    private func head(_ uri: String = "/", _ fields: [(String, String)]) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: HTTPHeaders(fields))
    }

    private func fault(_ head: HTTPRequestHead) -> HTTPErrorHandler.Fault? {
        do throws(HTTPErrorHandler.Fault) {
            _ = try head.inASCII
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "Authorization", "Host", "Idempotency-Key", "Origin", "Sec-WebSocket-Protocol", "Transfer-Encoding", "Upgrade",
    ])
    func `A field that knows nothing but ASCII has nothing else, or the request is refused`(name: String) {
        for value in ["\u{E9}", "a\u{301}", "Bearer a\u{FFFD}"] {
            let fault = self.fault(self.head("/", [("Cookie", "a"), (name.lowercased(), value)]))
            #expect(fault == .notASCII(field: name))
            let problem = fault?.problem(EmbeddedServer.settings)
            #expect(problem?.status == .badRequest && problem?.name == "invalid-header" && problem?.field == name)
        }
        #expect(self.fault(self.head("/", [(name, "a")])) == nil)
    }

    @Test func `Metadata, which clients of Web PubSub get, is ASCII, or the request is refused`() {
        let name = "x-WebPubSub-Metadata-Trace"
        #expect(self.fault(self.head("/", [(name, "caf\u{E9}")])) == .notASCII(field: name))
        #expect(self.fault(self.head("/", [(name, "a"), ("X-WebPubSub-Other", "\u{E9}")])) == nil)
    }

    @Test func `In other fields each byte beyond ASCII is a question mark, and the rest stays`() throws {
        let fields = [
            ("Host", "h"), ("Cookie", "a=\u{E9}; b"), ("X-Forwarded-For", "\u{301}, 192.0.2.1"), ("Accept", "*/*"),
            ("cookie", "c"),
        ]
        let head = try self.head("/path?query", fields).inASCII
        #expect(head.uri == "/path?query" && head.headers.map(\.name) == fields.map(\.0))
        #expect(head.headers.map(\.value) == ["h", "a=??; b", "??, 192.0.2.1", "*/*", "c"])
    }

    @Test func `A target beyond ASCII is malformed`() {
        #expect(self.fault(self.head("/\u{301}", [])) == .malformed)
        #expect(self.fault(self.head("/%CC%81", [])) == nil)
    }
}
