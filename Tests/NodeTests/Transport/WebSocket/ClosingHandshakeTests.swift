import NIOCore
import NIOEmbedded
import NIOExtras
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The closing handshake of a WebSocket.
@Suite
struct ClosingHandshakeTests {
    // MARK: - The client closes

    @Test(arguments: [UInt16(1000), 1001, 3000, 4999])
    func `A client's close is echoed once, with its code, and then our half ends`(code: UInt16) throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.close(code, "bye"))
        #expect(try socket.sent() == [.close(code, "")])
        #expect(socket.wire.outputIsClosed)
        #expect(!socket.wire.isClosed, "the client ends its own half")
        socket.receive(ClientFrame.close(code))
        #expect(try socket.sent() == [])
        #expect(socket.events == [.opened])
        socket.channel.close(promise: nil)
        #expect(socket.events == [.opened, .closed])
    }

    @Test func `A close without a code is echoed without one`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.close())
        #expect(try socket.sent() == [.close(nil, "")])
        #expect(socket.wire.outputIsClosed)
    }

    @Test func `What follows a client's close is not handled`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.text("a") + ClientFrame.close(1000) + ClientFrame.text("b") + ClientFrame.ping())
        socket.receive(ClientFrame.text("c"))
        #expect(socket.events == [.opened, .text("a")])
        #expect(try socket.sent() == [.close(1000, "")])
    }

    @Test func `The echo leaves before our half ends`() throws {
        let socket = try EmbeddedWebSocket()
        socket.wire.isStalled = true
        socket.receive(ClientFrame.close(1000))
        #expect(!socket.wire.outputIsClosed)
        socket.wire.isStalled = false
        socket.channel.flush()
        #expect(socket.wire.outputIsClosed)
        #expect(try socket.sent() == [.close(1000, "")])
    }

    @Test func `A client that does not end its half is cut`() throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.close(1000))
        socket.advance(.milliseconds(4999))
        #expect(!socket.wire.isClosed)
        socket.advance(.milliseconds(1))
        #expect(socket.wire.isClosed)
        #expect(socket.events == [.opened, .closed])
    }

    // MARK: - We close

    @Test func `Our close waits for the client's answer, then our half ends`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "enough")
        #expect(try socket.sent() == [.close(1000, "enough")])
        #expect(!socket.wire.outputIsClosed)
        #expect(!socket.connection.isOpen)
        socket.receive(ClientFrame.close(1000))
        #expect(try socket.sent() == [], "the handshake has two close frames")
        #expect(socket.wire.outputIsClosed)
    }

    @Test func `Only the first close counts`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "1")
        socket.connection.close(code: .goingAway, reason: "2")
        #expect(try socket.sent() == [.close(1000, "1")])
    }

    @Test func `No data, and no pong, follows our close frame`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "")
        #expect(!socket.send("x"))
        socket.receive(ClientFrame.ping())
        #expect(try socket.sent() == [.close(1000, "")])
    }

    @Test func `Messages that were on their way as we closed still count`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "")
        socket.receive(ClientFrame.text("late"))
        #expect(socket.events == [.opened, .text("late")])
    }

    @Test func `A client that never answers is cut`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "")
        socket.receive(ClientFrame.text("I go on"))
        socket.advance(.milliseconds(4999))
        #expect(!socket.wire.isClosed)
        socket.advance(.milliseconds(1))
        #expect(socket.wire.isClosed)
        #expect(socket.events.last == .closed)
    }

    @Test func `A client that answers and goes is not cut later`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "")
        socket.receive(ClientFrame.close(1000))
        socket.channel.close(promise: nil)
        socket.channel.embeddedEventLoop.run()
        socket.advance(.seconds(60))
        #expect(socket.events == [.opened, .closed])
    }

    @Test func `A server that stops closes with 1012`() throws {
        let socket = try EmbeddedWebSocket()
        socket.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(try socket.sent() == [.close(1012, "the node is going away")])
        socket.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(try socket.sent() == [])
    }

    // MARK: - The client breaks the rules

    private static let violations: [([UInt8], UInt16)] = [
        ([0x81, 0x01, 0x61], 1002), (ClientFrame.frame(3, []), 1002), (ClientFrame.continuation("x"), 1002),
        (ClientFrame.close(1005), 1002), (ClientFrame.frame(1, [0xFF]), 1007),
        (ClientFrame.frame(2, .init(repeating: 0, count: 1025)), 1009),
    ]

    @Test(arguments: Self.violations)
    func `A violation is answered with its code, and ends our half at once`(bytes: [UInt8], code: UInt16) throws {
        let socket = try EmbeddedWebSocket()
        socket.receive(ClientFrame.text("good"), bytes, ClientFrame.text("more"))
        let sent = try socket.sent()
        guard case .close(code, let reason)? = sent.first, sent.count == 1, !reason.isEmpty else {
            Issue.record("\(sent) is no close with \(code)")
            return
        }
        #expect(socket.events == [.opened, .text("good")])
        #expect(socket.wire.outputIsClosed)
        socket.advance(.seconds(5))
        #expect(socket.events == [.opened, .text("good"), .closed])
    }

    @Test func `A message that grows too long over its fragments is refused`() throws {
        let socket = try EmbeddedWebSocket(maximumMessageBytes: 10)
        socket.receive(ClientFrame.text("12345", isFinal: false) + ClientFrame.continuation("67890", isFinal: false))
        #expect(try socket.sent() == [])
        socket.receive(ClientFrame.continuation("!"))
        #expect(try socket.sent() == [.close(1009, "message is too big")])
    }

    @Test func `A violation after our close frame gets no second one`() throws {
        let socket = try EmbeddedWebSocket()
        socket.connection.close(code: .normal, reason: "")
        socket.receive([0xFF])
        #expect(try socket.sent() == [.close(1000, "")])
        #expect(socket.wire.outputIsClosed)
    }
}
