import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore
import NIOHPACK
import NIOHTTP2
import TestSupport
import Testing

@testable import VolaryNode

/// Requests on streams, at a listener without the other parts of a node.
@Suite(.timeLimit(.minutes(2)))
struct HTTP2RequestsTests {
    // MARK: - Bodies

    @Test(arguments: [0, 1, 65_535, 65_536, 1_000_000], [true, false])
    func `A body of any size comes back, with its length and without`(count: Int, hasLength: Bool) async throws {
        try await HTTP2Routes.with([.post: HTTP2Routes.echo]) { client, _ in
            let text = String(repeating: "x", count: count)
            let answer = try await client.request("POST", "/", hasLength ? [("content-length", "\(count)")] : [], body: text)
            #expect(answer.status == 200)
            #expect(answer.bytes == count)
            #expect(answer.hasEnd)
            #expect(answer.reset == nil)
        }
    }

    @Test func `A body is read as it comes, and answered as it is read`() async throws {
        let handler: RouteHandler = { request, _ in
            Response(status: .ok) { writer in for try await piece in request.body { try await writer.write(piece) } }
        }
        try await HTTP2Routes.with([.post: handler]) { client, _ in
            let other = try await client.open(HTTP2Routes.post, ends: false)
            for word in ["alpha", "beta", "gamma"] {
                try await other.send(Array(word.utf8))
                #expect(await eventually { other.body.hasSuffix(word) })
            }
            #expect(other.head?.contains(name: "transfer-encoding") == false)
            #expect(!other.hasEnd)
            try await other.sendTrailers([("x-sum", "1")])
            try await other.waitForEnd()
            #expect(other.body == "alphabetagamma")
            #expect(other.hasEnd)
        }
    }

    @Test(arguments: [[("content-length", "3")], []])
    func `A client that waits for 100 Continue gets it when its body is read, whatever its length`(
        length: [(String, String)]
    ) async throws {
        try await HTTP2Routes.with([.post: HTTP2Routes.echo]) { client, _ in
            let stream = try await client.open(HTTP2Routes.post + [("expect", "100-continue")] + length, ends: false)
            #expect(await eventually { stream.informational == ["100"] })
            #expect(stream.status == nil)
            try await stream.send(Array("abc".utf8), ends: true)
            try await stream.waitForEnd()
            #expect(stream.status == 200)
            #expect(stream.body == "abc")
        }
    }

    /// The reset tells the client to stop, and is no error (RFC 9113 section 8.1).
    @Test(arguments: [[], [("content-length", "1000000000")], [("expect", "100-continue"), ("content-length", "3")]])
    func `An answer before the end of the body is whole, and the stream ends with NO_ERROR`(
        fields: [(String, String)]
    ) async throws {
        let handler: RouteHandler = { _, _ in
            Response(status: .contentTooLarge, body: ByteBuffer(string: "big"))
        }
        try await HTTP2Routes.with([.post: handler]) { client, _ in
            let stream = try await client.open(HTTP2Routes.post + fields, ends: false)
            if fields.first?.0 != "expect" { stream.begin([1, 2, 3]) }
            #expect(await eventually { stream.reset != nil })
            #expect(stream.reset == .noError)
            #expect(stream.status == 413)
            #expect(stream.body == "big")
            #expect(stream.hasEnd)
            let next = try await client.open(HTTP2Routes.post, ends: false)
            next.begin([1], ends: true)
            #expect(await eventually { next.status == 413 })
        }
    }

    @Test func `A body that nobody reads stops at the stream's window, and delays no other stream`() async throws {
        let (gate, count) = (Gate(), NIOLockedValueBox(0))
        let slow: RouteHandler = { request, _ in
            await gate.pass()
            for try await piece in request.body { count.withLockedValue { $0 += piece.readableBytes } }
            return Response(status: .noContent)
        }
        try await HTTP2Routes.with([.post: slow, .put: HTTP2Routes.echo]) { client, _ in
            let stream = try await client.open(HTTP2Routes.post, ends: false)
            stream.begin([UInt8](repeating: 0, count: 3_000_000), ends: true)
            await gate.arrival()
            let other = try await client.request("PUT", "/", body: String(repeating: "x", count: 500_000))
            #expect(other.bytes == 500_000)
            // Parts that the handler holds, and the window.
            #expect(stream.granted < 1_000_000)
            gate.open()
            try await stream.waitForEnd()
            #expect(stream.status == 204)
            #expect(count.withLockedValue { $0 } == 3_000_000)
        }
    }

    // MARK: - Answers

    @Test func `HEAD has the fields of GET and no body, and 204 has none`() async throws {
        let get: RouteHandler = { _, _ in
            Response(status: .ok, body: ByteBuffer(string: "abc"))
        }
        try await HTTP2Routes.with([.get: get]) { client, _ in
            let head = try await client.request("HEAD", "/")
            #expect(head.status == 200)
            #expect(head[field: "content-length"] == "3")
            #expect(head[field: "date"] != nil)
            #expect(head.bytes == 0)
            let options = try await client.request("OPTIONS", "/")
            #expect(options.status == 204)
            #expect(options[field: "allow"] == "GET, HEAD, OPTIONS")
            #expect(try await client.request("GET", "/").body == "abc")
        }
    }

    @Test func `A streamed answer waits for a client that gives no window, and goes on with it`() async throws {
        let written = NIOLockedValueBox(0)
        let get: RouteHandler = { _, _ in
            Response(status: .ok) { writer in
                for _ in 0..<64 {
                    try await writer.write(ByteBuffer(repeating: 1, count: 65_536))
                    written.withLockedValue { $0 += 1 }
                }
            }
        }
        try await HTTP2Routes.with([.get: get]) { client, _ in
            let deaf = try await client.open([(":method", "GET")] + HTTP2Routes.post.dropFirst(), ends: true, isDeaf: true)
            #expect(await eventually { deaf.bytes == 65_535 })
            let other = try await client.request("GET", "/")
            #expect(other.bytes == 64 * 65_536)
            #expect(written.withLockedValue { $0 } < 64 + 4)
            try await deaf.grant(10_000_000)
            try await deaf.waitForEnd()
            #expect(deaf.bytes == 64 * 65_536)
        }
    }

    @Test func `A client that gives no window for too long is cut off, and no other stream is`() async throws {
        var settings = HTTP2Routes.settings
        settings.answerTimeout = .seconds(5)
        let get: RouteHandler = { _, _ in
            Response(status: .ok) { writer in for _ in 0..<64 { try await writer.write(ByteBuffer(repeating: 1, count: 65_536)) }
            }
        }
        try await HTTP2Routes.with([.get: get], settings: settings) { client, _ in
            let deaf = try await client.open([(":method", "GET")] + HTTP2Routes.post.dropFirst(), ends: true, isDeaf: true)
            #expect(await eventually { deaf.reset != nil })
            #expect(deaf.reset == .cancel)
            #expect(try await client.request("GET", "/").bytes == 64 * 65_536)
            #expect(client.goAways.isEmpty)
        }
    }

    @Test func `A producer that throws resets the stream, so that the client sees the truncation`() async throws {
        struct Failure: Error {}
        let get: RouteHandler = { _, _ in
            Response(status: .ok) { writer in
                try await writer.write(ByteBuffer(string: "abc"))
                throw Failure()
            }
        }
        try await HTTP2Routes.with([.get: get]) { client, _ in
            let stream = try await client.request("GET", "/")
            #expect(!stream.hasEnd)
            #expect(stream.reset == .cancel)
            #expect(stream.status == 200)
        }
    }

    @Test func `A reset by the client cancels the producer of a streamed answer`() async throws {
        let (began, ended) = (NIOLockedValueBox(false), NIOLockedValueBox(false))
        let get: RouteHandler = { _, _ in
            Response(status: .ok) { _ in
                began.withLockedValue { $0 = true }
                defer { ended.withLockedValue { $0 = true } }
                try await Task.sleep(for: .seconds(600))
            }
        }
        try await HTTP2Routes.with([.get: get, .post: HTTP2Routes.echo]) { client, _ in
            let stream = try await client.send("GET", "/")
            #expect(await eventually { began.withLockedValue { $0 } })
            try await stream.reset()
            #expect(await eventually { ended.withLockedValue { $0 } })
            #expect(try await client.request("POST", "/", body: "x").body == "x")
        }
    }

    @Test func `A reset by the client ends the body that is being read, as a connection that ends`() async throws {
        let (gate, errors) = (Gate(), NIOLockedValueBox<[any Error]>([]))
        let post: RouteHandler = { request, _ in
            Task { await gate.pass() }
            do {
                _ = try await request.body.collect(upTo: 100)
            } catch {
                errors.withLockedValue { $0.append(error) }
                throw error
            }
            return Response(status: .noContent)
        }
        try await HTTP2Routes.with([.post: post]) { client, _ in
            let stream = try await client.open(HTTP2Routes.post, ends: false)
            try await stream.send([1])
            await gate.arrival()
            try await stream.reset()
            #expect(await eventually { errors.withLockedValue { !$0.isEmpty } })
            #expect(errors.withLockedValue { $0.first is ChannelError })
            gate.open()
        }
    }
}
