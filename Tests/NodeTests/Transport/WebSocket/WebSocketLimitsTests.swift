import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The limits of one client's WebSocket.
@Suite
struct WebSocketLimitsTests {
    private func bounds(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var bounds = ConnectionLimits()
        change(&bounds)
        return bounds
    }

    // MARK: - Frames of a message

    @Test func `A message may have so many frames, and not one more`() throws {
        let socket = try EmbeddedWebSocket(maximumFrames: 3)
        socket.receive(ClientFrame.text("a", isFinal: false), ClientFrame.continuation("b", isFinal: false))
        socket.receive(ClientFrame.continuation("c"))
        #expect(socket.events == [.opened, .text("abc")])
        socket.receive(ClientFrame.text("", isFinal: false))
        for _ in 0..<2 { socket.receive(ClientFrame.continuation("", isFinal: false)) }
        #expect(socket.connection.isOpen)
        socket.receive(ClientFrame.continuation("", isFinal: false))
        #expect(try socket.sent() == [.close(1008, "message has too many frames")])
    }

    // MARK: - Time for a message

    @Test(arguments: [
        ClientFrame.text("half", isFinal: false), Array(ClientFrame.text("torn").dropLast()), [0x81], [0x89],
    ])
    func `A message, or a frame, that does not end in time is closed with 3008`(beginning: [UInt8]) throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(beginning)
        for _ in 0..<3 { socket.advanceAndLook(.seconds(15)) }
        socket.advanceAndLook(.seconds(15) - .nanoseconds(1))
        #expect(socket.connection.isOpen)
        socket.advanceAndLook(.nanoseconds(1))
        #expect(socket.events == [.opened, .limitExceeded(.slowMessage)])
        #expect(try socket.sent().last == .close(3008, "message took too long to arrive"))
        #expect(!socket.transport.canReceive)
    }

    @Test func `Pings between the fragments do not give a message more time`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.text("half", isFinal: false))
        for _ in 0..<4 {
            socket.receive(ClientFrame.ping())
            socket.advanceAndLook(.seconds(15))
        }
        #expect(socket.events == [.opened, .limitExceeded(.slowMessage)])
    }

    @Test func `Messages that follow each other in halves have their own time each`() throws {
        let socket = try EmbeddedWebSocket(maximumMessageBytes: 1 << 20)
        let bytes = ClientFrame.text("one after the other")
        socket.receive(Array(bytes[..<5]))
        for _ in 0..<20 {
            socket.advanceAndLook(.seconds(15))
            socket.receive(Array(bytes[5...] + bytes[..<5]))
        }
        #expect(socket.connection.isOpen)
        #expect(socket.events.count == 21)
    }

    @Test func `The time in which the node does not read is not the client's`() throws {
        let socket = try EmbeddedWebSocket(finishes: false)
        for _ in 0..<64 { socket.receive(ClientFrame.text("x")) }
        socket.receive(ClientFrame.text("half", isFinal: false))
        socket.channel.pipeline.read()
        for _ in 0..<8 {
            socket.advanceAndLook(.seconds(15))
            socket.receive([])
            socket.channel.pipeline.read()
        }
        #expect(socket.connection.isOpen)
        socket.finish(64)
        socket.advanceAndLook(.seconds(60) - .nanoseconds(1))
        #expect(socket.connection.isOpen)
        socket.advanceAndLook(.nanoseconds(1))
        #expect(socket.events.last == .limitExceeded(.slowMessage))
    }

    // MARK: - Idle

    @Test func `A client that sends no message for too long is closed with 3008, whatever it pings`() throws {
        let socket = try EmbeddedWebSocket(bounds: self.bounds { $0.idleTimeout = .seconds(100) })
        for _ in 0..<10 {
            socket.receive(ClientFrame.ping())
            socket.advanceAndLook(.seconds(9))
        }
        socket.receive(ClientFrame.text("here I am"))
        for _ in 0..<11 {
            socket.receive(ClientFrame.pong())
            socket.advanceAndLook(.seconds(9))
        }
        #expect(socket.connection.isOpen, "99 s since the look that saw the message")
        socket.advanceAndLook(.seconds(10))
        #expect(socket.events.last == .limitExceeded(.idle))
        #expect(try socket.sent().last == .close(3008, "no message for too long"))
    }

    // MARK: - Rates

    @Test func `One message more than a second's is closed with 1008, and is not taken`() throws {
        let socket = try EmbeddedWebSocket(bounds: self.bounds { $0.messagesPerSecond = 3 })
        for _ in 0..<3 { socket.receive(ClientFrame.text("x")) }
        socket.advance(.seconds(1))
        for _ in 0..<3 { socket.receive(ClientFrame.text("y")) }
        #expect(socket.connection.isOpen)
        socket.receive(ClientFrame.text("z") + ClientFrame.text("z"))
        #expect(
            socket.events == [.opened] + .init(repeating: .text("x"), count: 3) + .init(repeating: .text("y"), count: 3)
                + [.limitExceeded(.rate)]
        )
        #expect(try socket.sent() == [.close(1008, "too much sent in a second")])
        socket.advance(.seconds(2))
        socket.receive(ClientFrame.text("late"))
        #expect(socket.events.last == .limitExceeded(.rate))
    }

    @Test(arguments: [ClientFrame.ping("p"), ClientFrame.pong("p")])
    func `Pings and pongs count as messages`(frame: [UInt8]) throws {
        let socket = try EmbeddedWebSocket(bounds: self.bounds { $0.messagesPerSecond = 2 })
        socket.receive(frame, frame)
        #expect(socket.connection.isOpen)
        socket.receive(frame)
        #expect(socket.events == [.opened, .limitExceeded(.rate)])
    }

    @Test func `Bytes count as they come over the wire, headers and empty fragments included`() throws {
        let frame = ClientFrame.binary(.init(repeating: 1, count: 100))
        let socket = try EmbeddedWebSocket(bounds: self.bounds { $0.bytesPerSecond = 2 * frame.count + 18 })
        socket.receive(frame, frame)
        socket.receive(ClientFrame.text("", isFinal: false), ClientFrame.continuation("", isFinal: false))
        socket.receive(ClientFrame.continuation(""))
        #expect(socket.connection.isOpen)
        socket.receive(ClientFrame.ping())
        #expect(socket.events.last == .limitExceeded(.rate))
    }

    @Test func `A message larger than a second's bytes passes when there was quiet, and is paid for`() throws {
        let frame = ClientFrame.binary(.init(repeating: 1, count: 1000))
        let socket = try EmbeddedWebSocket(bounds: self.bounds { $0.bytesPerSecond = frame.count / 2 })
        socket.receive(Array(frame[..<500]), Array(frame[500...]))
        socket.advance(.seconds(2))
        socket.receive(frame)
        #expect(socket.connection.isOpen)
        socket.advance(.milliseconds(1999))
        socket.receive(frame)
        #expect(socket.events.last == .limitExceeded(.rate))
    }

    @Test func `Where messages are dropped, the connection stays, and those within the rate pass`() throws {
        let socket = try EmbeddedWebSocket(
            // A protocol without a message for notices.
            endpoint: .echo,
            bounds: self.bounds {
                $0.messagesPerSecond = 2
                $0.overRate = .drop
            }
        )
        socket.receive(
            ClientFrame.text("1") + ClientFrame.text("2") + ClientFrame.text("3") + ClientFrame.ping() + ClientFrame.text("4")
        )
        socket.advance(.milliseconds(500))
        socket.receive(ClientFrame.text("5") + ClientFrame.text("6"))
        #expect(
            socket.events == [
                .opened, .text("1"), .text("2"), .dropped(first: true), .dropped(first: false), .dropped(first: false),
                .text("5"),
                .dropped(first: true),
            ]
        )
        #expect(try socket.sent() == [], "not even a pong")
    }

    @Test func `A close is heard whatever the rate`() throws {
        let socket = try EmbeddedWebSocket(bounds: self.bounds { $0.messagesPerSecond = 1 })
        socket.receive(ClientFrame.text("x") + ClientFrame.close(1000))
        #expect(try socket.sent() == [.close(1000, "")])
    }

    // MARK: - Age of unsent bytes

    @Test func `A client that leaves few bytes unread for too long is closed with 1013`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1 << 20)
        socket.wire.isStalled = true
        #expect(socket.send("few"))
        socket.advanceAndLook(.zero)
        for _ in 0..<3 {
            socket.advanceAndLook(.seconds(10) - .nanoseconds(1))
            socket.receive(ClientFrame.ping())
            #expect(socket.connection.isOpen)
        }
        socket.advanceAndLook(.nanoseconds(3))
        #expect(socket.events == [.opened, .limitExceeded(.unsentAge)])
        socket.advance(.seconds(5))
        #expect(socket.events == [.opened, .limitExceeded(.unsentAge), .closed])
    }

    @Test func `A client that reads all that waited begins anew, however much waits by then`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 1 << 20)
        for _ in 0..<20 {
            socket.wire.isStalled = true
            #expect(socket.send("some"))
            socket.advanceAndLook(.seconds(15))
            socket.receive(ClientFrame.pong())
            socket.wire.isStalled = false
            socket.channel.flush()
            socket.wire.isStalled = true
            #expect(socket.send("more"))
            socket.advanceAndLook(.seconds(15) - .nanoseconds(1))
            socket.wire.isStalled = false
            socket.channel.flush()
        }
        #expect(socket.connection.isOpen)
        #expect(try socket.sent().filter { $0 == .text("some") }.count == 20)
    }

    @Test func `Too many unsent bytes are the same kind of violation, counted once`() throws {
        let socket = try EmbeddedWebSocket(maximumUnsentBytes: 4)
        socket.wire.isStalled = true
        socket.setWritable(false)
        for _ in 0..<2 { #expect(socket.send("xx")) }
        for _ in 0..<2 { #expect(!socket.send("xx")) }
        socket.advanceAndLook(.seconds(1))
        #expect(socket.events == [.opened, .limitExceeded(.unsentBytes)])
    }

    // MARK: -

    @Test(arguments: LimitViolation.allCases)
    func `What the client is told fits a close frame`(violation: LimitViolation) throws {
        let reason =
            switch violation.ending(at: .plain) {
            case .close(_, let reason), .dismissal(_, let reason, _): reason
            case .violation(let violation): violation.reason
            case .cut: ""
            }
        #expect(reason.utf8.count <= Limits.maximumCloseReasonBytes)
    }
}
