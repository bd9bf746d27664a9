import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// The input buffer of an HTTP connection.
@Suite
struct RequestReaderTests {
    private static let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
    private static let handshake =
        "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    private static let read = [UInt8](repeating: 0x61, count: 64 * 1024)

    /// The maximum of buffered bytes during the given number of reads, as when a client closes its half and NIO reads
    /// everything at once.
    private func most(_ server: EmbeddedServer, of reads: Int = 100, _ bytes: [UInt8] = Self.read) -> Int {
        var most = 0
        for _ in 0..<reads {
            server.receive(bytes, runs: false)
            most = max(most, server.waitingBytes)
        }
        return most
    }

    private func reads(_ server: EmbeddedServer) -> Bool {
        let before = server.wire.reads
        server.channel.read()
        return server.wire.reads > before
    }

    private static let bound = RequestReader.waitingBytes + EmbeddedServer.settings.maximumHeaderBytes

    @Test(
        arguments: [
            "GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nhi",
        ]
    )
    func `Behind a connection's last request nothing is kept, and nothing is read`(_ request: String) throws {
        let server = try EmbeddedServer()
        server.receive(request)
        let events = server.events
        #expect(events.last == .end)
        #expect(self.most(server) == 0)
        #expect(!self.reads(server))
        #expect(server.events == events)
    }

    @Test(
        arguments: [
            Self.handshake.replacing("/echo", with: "/nowhere"), Self.handshake.replacing("13", with: "8"), "NONSENSE\r\n\r\n",
            "GET /a HTTP/1.1\r\n\r\n", "GET /\(String(repeating: "x", count: 20_000)) HTTP/1.1\r\n",
        ]
    )
    func `Behind a refusal everything is read, so that the answer arrives, and dropped; and the connection ends in 2 s`(
        _ request: String
    ) throws {
        let server = try EmbeddedServer()
        server.receive(request)
        #expect(try server.sent().readableBytes > 0)
        #expect(self.reads(server))
        #expect(self.most(server) == 0)
        server.advance(.seconds(2) - .nanoseconds(1))
        #expect(!server.wire.isClosed && server.wire.outputIsClosed)
        #expect(self.most(server) == 0)
        server.advance(.nanoseconds(1))
        #expect(server.wire.isClosed)
        #expect(server.events.isEmpty)
    }

    @Test
    func `Of a client that keeps sending behind a refusal, 8 MB are read in a second`() throws {
        let server = try EmbeddedServer()
        server.receive("NONSENSE\r\n\r\n")
        #expect(self.reads(server))
        for bytes in [Self.read, Array(Self.read[..<800])] {
            server.receive(bytes)
            #expect(!self.reads(server))
            let (reads, pause) = (server.wire.reads, TimeAmount.microseconds(Int64(bytes.count / 8)))
            server.advance(pause - .nanoseconds(1))
            #expect(server.wire.reads == reads)
            server.advance(.nanoseconds(1))
            #expect(server.wire.reads == reads + 1)
        }
        // What comes at once, because the client has closed its half, ends the connection all the same.
        server.receive(Self.read)
        server.endInput()
        #expect(server.wire.isClosed)
    }

    @Test
    func `A client that ends its half behind a refusal ends the connection`() throws {
        let server = try EmbeddedServer()
        server.receive("NONSENSE\r\n\r\n")
        #expect(!server.wire.isClosed)
        server.endInput()
        #expect(server.wire.isClosed)
    }

    @Test
    func `A refusal that its client does not read has the time of an answer, then the connection ends`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.get)
        server.answer()
        server.wire.isStalled = true
        server.receive("NONSENSE\r\n\r\n")
        server.advance(EmbeddedServer.settings.answerTimeout - .nanoseconds(1))
        #expect(!server.wire.isClosed && !server.wire.outputIsClosed)
        #expect(!self.reads(server))
        server.advance(.nanoseconds(1))
        #expect(server.wire.isClosed)
    }

    @Test
    func `While a handshake waits nothing is read; what comes all the same is kept up to the bound, and then nothing of it`()
        throws
    {
        let server = try EmbeddedServer()
        server.receive(Self.get + Self.handshake + "xyz")
        #expect(!self.reads(server))
        #expect(server.waitingBytes == 3)
        #expect(self.most(server) <= Self.bound)
        #expect(server.waitingBytes == 0, "so much comes only of a client that has ended its half")
        server.answer()
        #expect(server.outcomes == [.http])
    }

    @Test
    func `What wait while the router is busy are bytes, not thousands of requests`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.get)
        server.setFull(true)
        #expect(!self.reads(server))
        let requests = Array(String(repeating: Self.get, count: 2000).utf8)
        server.receive(requests)
        #expect(server.events.count == 2 && server.waitingBytes == requests.count)
        server.setFull(false)
        server.advance(.seconds(1))
        #expect(server.events.count == 2 + 2 * 2000 && server.waitingBytes == 0)
        #expect(self.reads(server))
    }

    @Test
    func `A router that is full gets no more than one piece of what has come`() throws {
        let server = try EmbeddedServer()
        server.onEvent = { if $0 == .end { server.setFull(true) } }
        server.receive(String(repeating: Self.get, count: 2000))
        let heads = server.events.count / 2
        #expect(heads <= 1024 / Self.get.utf8.count + 1, "\(heads)")
        #expect(server.waitingBytes >= 2000 * Self.get.utf8.count - 1024)
    }

    @Test(arguments: [
        ("requests", Self.get, 1000, 2), ("requests with a body", Self.post, 600, 3),
        ("chunks of one byte", "1\r\nx\r\n", 4000, 1),
    ])
    func `Of a read with many small parts each turn takes a few, and nothing is read meanwhile`(
        kind: String,
        part: String,
        count: Int,
        events: Int
    ) throws {
        let server = try EmbeddedServer()
        server.receive(Self.get)
        let head = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        server.receive(head + (events == 1 ? "" : "0\r\n\r\n"))
        let before = server.events.count
        server.receive(String(repeating: part, count: count))
        // No more than a piece above the maximum.
        #expect(server.events.count - before <= (events == 1 ? DecodingTurn.maximumParts + 90 : 50 * events), "\(kind)")
        var turns = 1
        while server.waitingBytes > 0, turns < 5000 {
            #expect(!self.reads(server))
            server.advance(TurnQueue.minimumPause)
            turns += 1
        }
        #expect(server.events.count - before == count * events)
        // The clock of an embedded loop stands still while turns run, so chunks, which cause no later work, take all of theirs at once.
        #expect(turns >= (events == 1 ? 2 : count / 50), "\(kind): \(turns)")
        #expect(self.reads(server))
    }

    @Test
    func `A large body whose route is slower than its turns comes piece by piece, and others have their turns meanwhile`() throws
    {
        let server = try EmbeddedServer()
        let count = 60_000
        server.receive("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n\r\n")
        var pieces = 0
        server.onEvent = {
            guard case .body = $0 else { return }
            pieces += 1
            server.setFull(true)
        }
        server.receive([UInt8](repeating: 0x61, count: count))
        var others = 0
        while server.events.last != .end, pieces < 1000 {
            #expect(!self.reads(server), "nothing is read while the route is busy")
            let before = pieces
            server.turns.append { others += 1 }
            server.advance(.milliseconds(10))
            #expect(pieces == before && others == pieces, "a turn passes nothing on to a route that is full")
            server.setFull(false)
            #expect(pieces <= before + 1)
        }
        #expect(pieces >= count / DecodingTurn.pieceBytes.upperBound)
        let body = server.events.reduce(0) { if case .body(let text) = $1 { $0 + text.utf8.count } else { $0 } }
        #expect(body == count && server.waitingBytes == 0)
        server.setFull(false)
        #expect(self.reads(server))
    }

    @Test
    func `Past the bound the client has said nothing: what came before is answered, and the connection ends`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.get)
        server.setFull(true)
        let requests = Array(String(repeating: Self.get, count: 2000).utf8)
        #expect(self.most(server, requests) <= Self.bound)
        #expect(server.waitingBytes == Self.bound)
        server.setFull(false)
        server.advance(.seconds(1))
        let whole = Self.bound / Self.get.utf8.count
        #expect(server.events.count { $0 == .end } == 1 + whole)
        for _ in 0...whole { server.answer() }
        let text = String(buffer: try server.sent())
        #expect(text.matches(of: #/HTTP/1\.1 200 /#).count == 1 + whole)
        #expect(text.contains("urn:volary:problem:malformed-request"), "the last one was cut")
    }

    @Test
    func `Of a body that is being collected, all that it may have is kept for a client that ends its half behind it`() throws {
        let server = try EmbeddedServer()
        server.receive("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
        server.setFull(true)
        server.setBodyBytes(1_000_000)
        for _ in 0..<10 { server.receive([UInt8](repeating: 0x61, count: 100_000)) }
        #expect(server.waitingBytes == 1_000_000)
        server.endInput()
        server.setFull(false)
        #expect(server.events.last == .end)
        #expect(self.most(server) == 0, "nothing comes behind the end")
    }

    @Test
    func `The end of a client's half is told behind what it had said`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.get)
        server.setFull(true)
        server.receive(Self.get + "GET /b HTTP/1.1\r\nHo")
        server.endInput()
        #expect(server.events.count == 2 && !server.wire.isClosed)
        server.setFull(false)
        #expect(server.events.count == 4)
        server.answer()
        server.answer()
        let text = String(buffer: try server.sent())
        #expect(text.matches(of: #/HTTP/1\.1 (\d+) /#).map { String($0.1) } == ["200", "200", "400"], "\(text)")
    }

    @Test
    func `What was sent behind a handshake counts also of a client that has ended its half`() throws {
        let server = try EmbeddedServer()
        server.receive(Self.get)
        server.answer()
        server.setFull(true)
        server.receive(Array(Self.handshake.utf8) + ClientFrame.text("Goodbye!"))
        server.endInput()
        server.setFull(false)
        #expect(server.events.suffix(2) == [.opened(.echo), .text("Goodbye!")])
        #expect(server.wire.isClosed)
    }

    @Test(
        arguments: ["GET /", "GET / HTTP/1.1\r\nX: ", "\r\n", "GET / HTTP/1.1\r\nHost: h\r\n", ""]
    )
    func `A first head that is not whole is kept up to the limit of heads, whatever it is made of`(_ beginning: String) throws {
        let server = try EmbeddedServer()
        server.receive(beginning)
        let reads = beginning.isEmpty || beginning == "\r\n" ? Array(String(repeating: "\r\n", count: 32 * 1024).utf8) : Self.read
        #expect(self.most(server, reads) <= Self.bound)
    }
}
