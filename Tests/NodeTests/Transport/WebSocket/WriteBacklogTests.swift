import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// What waits in a channel to be written.
@Suite
struct WriteBacklogTests {
    private static let overhead = WriteBacklog.overheadBytes

    private let loop = EmbeddedEventLoop()
    private let backlog = WriteBacklog()
    private let ends = Ends()

    private final class Ends {
        var count = 0
    }

    private func write(_ bytes: Int, _ written: EventLoopPromise<Void>? = nil) -> EventLoopPromise<Void> {
        let promise = self.backlog.count(bytes, written, on: self.loop) { self.ends.count += 1 }
        self.backlog.written()
        return promise
    }

    @Test func `A write counts until it has left, with 256 bytes more`() {
        let (first, second) = (self.write(100), self.write(3))
        #expect(self.backlog.bytes == 103 + 2 * Self.overhead)
        #expect(self.backlog.isBehind)
        first.succeed()
        #expect(self.backlog.bytes == 3 + Self.overhead)
        #expect(self.backlog.isBehind && self.ends.count == 0)
        second.fail(ChannelError.ioOnClosedChannel)
        #expect(self.backlog.bytes == 0)
        #expect(!self.backlog.isBehind && self.ends.count == 1)
    }

    @Test func `A write that leaves at once is not behind`() {
        self.backlog.count(100, nil, on: self.loop) { self.ends.count += 1 }.succeed()
        self.backlog.written()
        #expect(self.backlog.bytes == 0 && !self.backlog.isBehind)
        #expect(self.ends.count == 0)
    }

    @Test func `The promise of a write is used, and completed once`() {
        let own = self.loop.makePromise(of: Void.self)
        let promise = self.write(5, own)
        #expect(promise.futureResult === own.futureResult)
        promise.succeed()
        #expect(self.backlog.bytes == 0)
    }

    // MARK: - In a transport

    private func carrier(_ name: String) -> WebSocketCarrier {
        switch name {
        case "plain": .plainSocket
        case "TLS": .tlsSocket
        default: .stream(StreamTurns(on: self.loop))
        }
    }

    private func socket(_ carrier: WebSocketCarrier, isWritable: Bool = true, echoes: Bool = false) throws -> EmbeddedWebSocket {
        try EmbeddedWebSocket(maximumUnsentBytes: 128 * 1024, carrier: carrier, isWritable: isWritable, echoes: echoes)
    }

    private func fill(_ socket: EmbeddedWebSocket, bytes: Int) -> Int {
        let text = String(repeating: "x", count: bytes)
        return (0..<3000).prefix { _ in socket.send(text) }.count
    }

    @Test func `A stream that does not read is closed with 1013 at the limit`() throws {
        let socket = try self.socket(self.carrier("stream"))
        socket.wire.isStalled = true
        #expect(socket.send("x"))
        socket.setWritable(false)
        #expect(self.fill(socket, bytes: 996) == 105, "128 KiB of 1,256 bytes")
        #expect(socket.events.last == .limitExceeded(.unsentBytes))
    }

    /// As on a connection whose socket is full.
    @Test func `So is one that was never writable`() throws {
        let socket = try self.socket(self.carrier("stream"), isWritable: false)
        socket.wire.isStalled = true
        #expect(self.fill(socket, bytes: 996) == 105)
        #expect(socket.events.last == .limitExceeded(.unsentBytes))
    }

    @Test(arguments: ["plain", "TLS", "stream"])
    func `A client that does not read small messages is closed, although their bytes are few`(name: String) throws {
        let socket = try self.socket(self.carrier(name))
        socket.wire.isStalled = true
        #expect(self.fill(socket, bytes: 1) == Int(WriteBacklog.interval) + 128 * 1024 / (Self.overhead + 3))
        #expect(socket.events.last == .limitExceeded(.unsentBytes))
    }

    @Test(arguments: ["plain", "TLS", "stream"])
    func `A client that does not read the answers to small messages is not read`(name: String) throws {
        let socket = try self.socket(self.carrier(name), echoes: true)
        socket.wire.isStalled = true
        var messages = 0
        func isRead() -> Bool {
            let reads = socket.wire.reads
            socket.channel.pipeline.read()
            return socket.wire.reads > reads
        }
        while messages < 1000, isRead() {
            socket.receive(ClientFrame.text("x"))
            messages += 1
        }
        #expect(messages == Int(WriteBacklog.interval), "the answer to the last one is counted, and waits")
        let reads = socket.wire.reads
        socket.wire.isStalled = false
        socket.channel.flush()
        #expect(socket.wire.reads == reads + 1)
        #expect(try socket.sent().count == messages)
        // Nothing is counted any more.
        while messages < 500, isRead() {
            socket.receive(ClientFrame.text("x"))
            messages += 1
        }
        #expect(messages == 500)
    }
}
