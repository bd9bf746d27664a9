import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Turns: how much of one client's input is handled without a break.
@Suite
struct WebSocketTurnsTests {
    private static func bytes(_ count: Int, _ frame: (Int) -> [UInt8]) -> [UInt8] { (0..<count).flatMap(frame) }

    // MARK: - Replies

    @Test func `The replies of one read leave in one write, in their order`() throws {
        let socket = try EmbeddedWebSocket(echoes: true)
        socket.receive(Self.bytes(50) { ClientFrame.text("\($0)") + ClientFrame.ping("\($0)") })
        #expect(socket.wire.writes == 1)
        let expected = (0..<50).flatMap { [ServerFrame.text("\($0)"), .pong(Array("\($0)".utf8))] }
        #expect(try socket.sent() == expected)
    }

    @Test func `Replies of more than 64 KiB leave on the way, and nothing changes places`() throws {
        let socket = try EmbeddedWebSocket(maximumMessageBytes: 100_000, echoes: true)
        let long = String(repeating: "x", count: 70_000)
        let texts = ["a", long, "b", String(repeating: "y", count: 40_000), String(repeating: "z", count: 40_000), "c"]
        socket.receive(texts.flatMap { ClientFrame.text($0) })
        #expect(try socket.sent() == texts.map(ServerFrame.text))
        #expect(socket.wire.writes < texts.count)
    }

    @Test func `A close frame stands behind the replies before it`() throws {
        let socket = try EmbeddedWebSocket(echoes: true)
        socket.receive(ClientFrame.text("a") + ClientFrame.ping("b") + ClientFrame.close(1000) + ClientFrame.text("c"))
        #expect(try socket.sent() == [.text("a"), .pong(Array("b".utf8)), .close(1000, "")])
    }

    @Test func `Ten pings of a read get ten pongs, of thousands the first 64 do and the newest`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(Self.bytes(10) { ClientFrame.ping("\($0)") })
        #expect(try socket.sent() == (0..<10).map { .pong(Array("\($0)".utf8)) })
        socket.receive(Self.bytes(5000) { ClientFrame.ping("\($0)") })
        socket.advance(.seconds(1))
        #expect(try socket.sent() == ((0..<64).map { "\($0)" } + ["4999"]).map { .pong(Array($0.utf8)) })
        socket.receive(ClientFrame.ping("one more"))
        #expect(try socket.sent() == [.pong(Array("one more".utf8))])
    }

    // MARK: - Turns

    @Test(arguments: ["pings", "texts", "fragments"])
    func `A client that has sent thousands of frames at once does not hold up its neighbor`(kind: String) throws {
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop)
        let flooder = try EmbeddedWebSocket(manager: manager, loop: loop, maximumFrames: 100_000)
        let neighbor = try EmbeddedWebSocket(echoes: true, manager: manager, loop: loop)
        let flood = Self.bytes(20_000) { number in
            switch kind {
            case "pings": ClientFrame.ping()
            case "texts": ClientFrame.text("x")
            default: number == 0 ? ClientFrame.text("", isFinal: false) : ClientFrame.continuation("", isFinal: number == 19_999)
            }
        }
        flooder.channel.pipeline.read()
        flooder.receive(flood + ClientFrame.text("the last"))
        #expect(!flooder.messages.contains("the last"))
        #expect(flooder.messages.count <= TurnBudget.frames)
        // While the flood waits for its turns, nothing more is read from it, and all messages of the neighbor are handled.
        flooder.channel.pipeline.read()
        #expect(flooder.wire.reads == 1)
        neighbor.receive(ClientFrame.text("hello"))
        #expect(try neighbor.sent() == [.text("hello")])
        loop.advanceTime(by: .seconds(1))
        #expect(flooder.messages.last == "the last")
        #expect(flooder.messages.count == ["pings": 1, "texts": 20_001, "fragments": 2][kind])
        #expect(flooder.wire.reads == 2)
    }

    @Test func `Connections that have more to handle take turns`() throws {
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop)
        let sockets = try (0..<3).map { _ in try EmbeddedWebSocket(manager: manager, loop: loop) }
        for socket in sockets { socket.receive(Self.bytes(3 * TurnBudget.frames) { ClientFrame.text("\($0)") }) }
        #expect(sockets.map(\.messages.count) == Array(repeating: TurnBudget.frames, count: 3))
        // The embedded loop's clock does not advance within a run, so the run ends when no connection waits.
        loop.advanceTime(by: TurnQueue.minimumPause)
        #expect(sockets.map(\.messages.count) == Array(repeating: 3 * TurnBudget.frames, count: 3))
    }

    @Test func `The turns of one stretch take a millisecond, then the loop has as long for everything else`() {
        let loop = EmbeddedEventLoop()
        let turns = TurnQueue(eventLoop: loop)
        var order: [String] = []
        for name in ["a", "b", "c", "d"] {
            turns.append {
                order.append(name)
                loop.advanceTime(by: .microseconds(700))
            }
        }
        #expect(order.isEmpty, "not before the loop has looked at its sockets")
        loop.advanceTime(by: TurnQueue.minimumPause)
        // If a task advances the clock of an embedded loop, the clock goes back after the task. By that clock, the second run
        // of turns is due 1.4 ms later.
        #expect(order.prefix(2) == ["a", "b"])
        loop.advanceTime(by: .seconds(1))
        #expect(order == ["a", "b", "c", "d"])
    }

    @Test func `Work that turns cause counts as theirs, and has its time before the next turns`() {
        let loop = EmbeddedEventLoop()
        let turns = TurnQueue(eventLoop: loop)
        var count = 0
        for _ in 0..<10 {
            turns.append {
                count += 1
                turns.causedWork(.microseconds(250))
            }
        }
        loop.advanceTime(by: TurnQueue.minimumPause)
        #expect(count == 4)
        loop.advanceTime(by: TurnQueue.minimumPause)
        #expect(count == 4)
        loop.advanceTime(by: .milliseconds(1))
        #expect(count == 8)
    }

    @Test func `After a turn of its full length also what is read next waits for a turn`() throws {
        let socket = try EmbeddedWebSocket(maximumMessageBytes: 1024 * 1024)
        socket.receive([131_000, 131_000, 200].flatMap { ClientFrame.text(String(repeating: "x", count: $0)) })
        #expect(socket.messages.count == 3)
        socket.receive(ClientFrame.text("waits"))
        #expect(socket.messages.count == 3)
        socket.advance(TurnQueue.minimumPause)
        #expect(socket.messages.last == "waits")
        socket.receive(ClientFrame.text("does not"))
        #expect(socket.messages.last == "does not")
    }

    @Test func `A small frame that inflates to a megabyte is inflated in several turns`() throws {
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop)
        let agreement = NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate", [])])
        let size = 8 * Deflater.maximumBytes
        let flooder = try EmbeddedWebSocket(maximumMessageBytes: size, compression: agreement, manager: manager, loop: loop)
        // What a flush writes can be put together, with the four bytes that an extension leaves out.
        let part = try #require(Deflater().compress(ByteBuffer(repeating: 0x78, count: Deflater.maximumBytes)))
        let data = Array((0..<8).map { _ in Array(buffer: part) }.joined(separator: [0, 0, 0xFF, 0xFF]))
        #expect(data.count < 5000)
        flooder.channel.pipeline.read()
        flooder.receive(ClientFrame(reserved: 4, opcode: 1, payload: data).bytes + ClientFrame.text("next"))
        #expect(flooder.messages.isEmpty)
        flooder.channel.pipeline.read()
        #expect(flooder.wire.reads == 1, "nothing is read from it meanwhile")
        loop.advanceTime(by: .seconds(1))
        #expect(flooder.messages.map(\.utf8.count) == [size, 4])
        #expect(flooder.wire.reads == 2)
    }

    @Test(arguments: [(TurnBudget.undelayedBytes, 2), (TurnBudget.undelayedBytes + 1, 0)])
    func `Long messages of many clients that arrive together take turns, and nothing changes places`(
        bytes: Int,
        first: Int
    ) throws {
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop)
        let sockets = try (0..<3).map { _ in
            try EmbeddedWebSocket(maximumMessageBytes: 1024 * 1024, finishes: false, echoes: true, manager: manager, loop: loop)
        }
        let long = String(repeating: "x", count: bytes)
        for socket in sockets {
            socket.channel.pipeline.read()
            socket.receive(ClientFrame.text(long) + ClientFrame.ping("p") + ClientFrame.text("short"))
            #expect(socket.messages.count == first)
            socket.channel.pipeline.read()
            #expect(socket.wire.reads == (first == 0 ? 1 : 2))
        }
        // Of one that is gone, all counts.
        sockets[2].channel.close(promise: nil)
        loop.advanceTime(by: .seconds(1))
        for (number, socket) in sockets.enumerated() {
            #expect(socket.messages == [long, "short"])
            #expect(socket.wire.reads == 2 || number == 2)
            if number < 2 { #expect(try socket.sent() == [.text(long), .pong([0x70]), .text("short")]) }
            socket.finish(2)
        }
        #expect(sockets[2].events.last == .closed)
    }

    @Test func `The time of a message that is not whole goes on while it waits for a turn`() throws {
        let socket = try EmbeddedWebSocket(maximumFrames: 100_000, bounds: ConnectionLimits(messageTimeout: .seconds(10)))
        socket.receive(ClientFrame.text("begin", isFinal: false))
        for _ in 0..<10 {
            socket.receive(Self.bytes(300) { _ in ClientFrame.continuation("", isFinal: false) })
            socket.channel.pipeline.read()
            socket.advanceAndLook(.seconds(1))
        }
        #expect(socket.events.last == .limitExceeded(.slowMessage))
    }

    // MARK: - Clients that are gone

    @Test func `What a client that is gone had sent counts, as many at once as ever, and nothing is answered`() throws {
        let socket = try EmbeddedWebSocket(finishes: false, echoes: true)
        socket.receive(Self.bytes(200) { ClientFrame.text("\($0)") + ClientFrame.ping() })
        let writes = socket.wire.writes
        socket.channel.close(promise: nil)
        #expect(socket.messages.count == 64)
        #expect(!socket.connection.isOpen)
        while !socket.unfinished.isEmpty {
            #expect(socket.unfinished.count <= 64)
            #expect(socket.messages.count == 200 || socket.events.last != .closed, "not while something waits")
            socket.finish(min(32, socket.unfinished.count))
        }
        #expect(socket.messages == (0..<200).map(String.init))
        #expect(socket.events.last == .closed)
        #expect(socket.wire.writes == writes)
    }

    @Test func `Of what NIO reads at a client's end, a mebibyte is kept, the rest dropped and counted`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        let read = Self.bytes(256 * 1024 / 7) { _ in ClientFrame.text("x") }
        for _ in 0..<10 { socket.receive(read) }
        #expect(socket.events.count { $0 == .goneUnread } == 1)
        #expect(socket.wire.isClosed)
        #expect(!socket.events.contains(.closed))
        while !socket.unfinished.isEmpty { socket.finish(socket.unfinished.count) }
        let kept = socket.messages.count
        #expect((3 * read.count / 7...(PendingInput.maximumBytes / 7 + 64)).contains(kept))
        #expect(socket.events.last == .closed)
    }

    @Test func `All clients of a loop that are gone have four mebibytes together; the next ones' rest is dropped and counted`()
        throws
    {
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop)
        let sockets = try (0..<6).map { _ in try EmbeddedWebSocket(finishes: false, manager: manager, loop: loop) }
        let read = Self.bytes(256 * 1024 / 7) { _ in ClientFrame.text("x") }
        for socket in sockets[..<5] {
            for _ in 0..<4 { socket.receive(read) }
            socket.channel.close(promise: nil)
        }
        #expect(sockets.map { $0.events.count { $0 == .goneUnread } } == [0, 0, 0, 0, 1, 0])
        for socket in [sockets[0], sockets[4]] {
            while !socket.unfinished.isEmpty {
                socket.finish(socket.unfinished.count)
                loop.advanceTime(by: .milliseconds(10))
            }
        }
        #expect(sockets[0].messages.count == 4 * (read.count / 7) && sockets[0].events.last == .closed)
        #expect(sockets[4].messages.count == 64 && sockets[4].events.last == .closed)
        // There is room again.
        for _ in 0..<4 { sockets[5].receive(read) }
        sockets[5].channel.close(promise: nil)
        #expect(!sockets[5].events.contains(.goneUnread))
    }

    @Test func `A client that is gone has ended, and what is left of it is dropped, once its connection is closed by somebody`()
        throws
    {
        for cuts in [false, true] {
            let socket = try EmbeddedWebSocket(finishes: false)
            socket.receive(Self.bytes(1000) { ClientFrame.text("\($0)") })
            #expect(!socket.connection.hasLeftovers)
            socket.channel.close(promise: nil)
            #expect(socket.connection.hasLeftovers)
            if cuts { socket.connection.close(.cut) } else { socket.connection.close(code: .normal, reason: "") }
            #expect(socket.events.suffix(2) == [.goneUnread, .closed])
            #expect(!socket.connection.hasLeftovers)
            while !socket.unfinished.isEmpty { socket.finish(socket.unfinished.count) }
            socket.advance(.seconds(1))
            #expect(socket.messages.count == 64)
            #expect(socket.events.count { $0 == .closed } == 1)
        }
    }

    @Test(arguments: [true, false])
    func `Of a client that disconnects after its connection was closed, nothing is left if a caller has closed it`(
        isCaller: Bool
    ) throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        socket.receive(Self.bytes(100_000) { _ in ClientFrame.text("x") })
        socket.connection.close(isCaller ? .dismissal(.normal, reason: "") : .close(.serviceRestart, reason: ""))
        #expect(socket.connection.input.unfinished.isFull)
        socket.channel.close(promise: nil)
        #expect(socket.connection.hasLeftovers == !isCaller)
        #expect(socket.events.count { $0 == .goneUnread } == (isCaller ? 1 : 0))
        #expect(socket.events.contains(.closed) == isCaller)
        let handled = socket.messages.count
        socket.advance(.seconds(1))
        while !socket.unfinished.isEmpty { socket.finish(socket.unfinished.count) }
        #expect((socket.messages.count == handled) == isCaller)
    }

    @Test func `A client that disconnects after a caller has closed its connection, with nothing left, is not counted as unread`()
        throws
    {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.text("x"))
        socket.connection.close(.dismissal(.normal, reason: ""))
        socket.channel.close(promise: nil)
        #expect(socket.events.last == .closed && !socket.events.contains(.goneUnread))
    }

    @Test func `A client that is gone counts among the sockets while something of it is left`() throws {
        let sockets = Admission(maximumConnections: 2)
        let loop = EmbeddedEventLoop()
        let manager = EmbeddedWebSocket.manager(on: loop, sockets: sockets)
        let socket = try EmbeddedWebSocket(finishes: false, manager: manager, loop: loop)
        socket.receive(Self.bytes(100) { ClientFrame.text("\($0)") })
        let other = try EmbeddedWebSocket(manager: manager, loop: loop)
        #expect(sockets.open == 0)
        socket.channel.close(promise: nil)
        other.channel.close(promise: nil)
        #expect(sockets.open == 1)
        #expect(other.events.last == .closed)
        while !socket.unfinished.isEmpty { socket.finish(socket.unfinished.count) }
        #expect(socket.events.last == .closed && socket.messages.count == 100)
        #expect(sockets.open == 0)
    }

    @Test func `Behind a close frame nothing counts of a client that is gone`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        socket.receive(Self.bytes(70) { ClientFrame.text("\($0)") } + ClientFrame.close(1000) + ClientFrame.text("late"))
        socket.channel.close(promise: nil)
        socket.finish(64)
        #expect(socket.messages == (0..<70).map(String.init))
        #expect(socket.events.last == .closed)
    }

    // MARK: - Back-pressure

    @Test func `A client that reads slowly and sends all the time is not taken for dead`() throws {
        let socket = try EmbeddedWebSocket()
        socket.channel.pipeline.read()
        socket.setWritable(false)
        socket.receive(ClientFrame.text("handled"), ClientFrame.text("held"))
        // Reading has stopped, so later data of the client does not arrive here.
        socket.channel.pipeline.read()
        for _ in 0..<10 { socket.advanceAndLook(.seconds(30)) }
        #expect(socket.connection.isOpen)
        socket.setWritable(true)
        #expect(socket.messages == ["handled", "held"])
        #expect(socket.wire.reads == 2)
        for _ in 0..<3 { socket.advanceAndLook(.seconds(30)) }
        #expect(socket.events.contains(.limitExceeded(.unresponsive)), "from now on it is heard, or silent")
        #expect(socket.wire.isClosed)
    }
}
