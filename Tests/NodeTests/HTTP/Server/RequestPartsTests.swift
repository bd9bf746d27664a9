import NIOCore
import NIOHTTP1
import Testing

@testable import VolaryNode

/// Buffered parts of requests.
@Suite
struct RequestPartsTests {
    private var parts = RequestParts()

    private mutating func append(_ path: String, _ body: [String] = [], isWhole: Bool = true) {
        self.parts.append(.head(HTTPRequestHead(version: .http1_1, method: .POST, uri: path)))
        for part in body { self.parts.append(.body(ByteBuffer(string: part))) }
        if isWhole { self.parts.append(.end(nil)) }
    }

    @Test mutating func `A body that is whole comes with its head, and nothing of the next request with it`() {
        self.append("/a", ["one, ", "two"])
        self.append("/b")
        let first = self.parts.takeRequest()
        #expect(first?.head.uri == "/a" && first?.body == ByteBuffer(string: "one, two"))
        let second = self.parts.takeRequest()
        #expect(second?.head.uri == "/b" && second?.body == ByteBuffer())
        let none = self.parts.takeRequest()
        #expect(none == nil)
        #expect(!self.parts.isBodyOpen)
    }

    @Test mutating func `A body that is not whole comes part by part`() {
        self.append("/a", ["one"], isWhole: false)
        let first = self.parts.takeRequest()
        #expect(first != nil && first?.body == nil && self.parts.isBodyOpen)
        var part = self.parts.takeBodyPart()
        #expect(part == ByteBuffer(string: "one"))
        part = self.parts.takeBodyPart()
        #expect(part == nil && self.parts.isBodyOpen, "there is more to come")
        self.parts.append(.body(ByteBuffer(string: "two")))
        self.parts.append(.end(nil))
        part = self.parts.takeBodyPart()
        #expect(part == ByteBuffer(string: "two"))
        part = self.parts.takeBodyPart()
        #expect(part == nil && !self.parts.isBodyOpen)
    }

    @Test mutating func `Pieces of a body that are not taken are one part, of the request that they belong to`() {
        for path in ["/a", "/b"] {
            self.append(path, Array(repeating: "x", count: 1000))
        }
        #expect(self.parts.count == 6)
        #expect(self.parts.bodyBytes == 2000)
        for path in ["/a", "/b"] {
            let next = self.parts.takeRequest()
            #expect(next?.head.uri == path && next?.body?.readableBytes == 1000)
        }
        #expect(self.parts.bodyBytes == 0)
    }

    @Test mutating func `What nobody has read of a body is no part of the next request`() {
        self.append("/a", ["one"], isWhole: false)
        _ = self.parts.takeRequest()
        let none = self.parts.takeRequest()
        #expect(none == nil && self.parts.isEmpty)
        self.parts.append(.body(ByteBuffer(string: "two")))
        self.parts.append(.end(nil))
        self.append("/b", ["three"])
        let next = self.parts.takeRequest()
        #expect(next?.head.uri == "/b" && next?.body == ByteBuffer(string: "three"))
    }
}
