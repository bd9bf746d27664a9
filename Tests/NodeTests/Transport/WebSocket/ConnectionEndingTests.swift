import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Metrics and log lines of the end of a WebSocket.
@Suite struct ConnectionEndingTests {
    struct Ending: Hashable {
        let code: UInt16?
        let side: ConnectionClose.Side
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let ending: Ending
        let act: @Sendable (EmbeddedWebSocket) -> Void

        init(
            _ description: String,
            _ code: UInt16?,
            _ side: ConnectionClose.Side,
            _ act: @escaping @Sendable (EmbeddedWebSocket) -> Void
        ) {
            self.testDescription = description
            self.ending = Ending(code: code, side: side)
            self.act = act
        }
    }

    private static let rows = [
        Row("the client says 1001", 1001, .client) { $0.receive(ClientFrame.close(1001)) },
        Row("the client says nothing in its close frame", 1005, .client) { $0.receive(ClientFrame.close()) },
        Row("the client's socket ends", nil, .client) {
            $0.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        },
        Row("the node says 1012, and the client agrees", 1012, .server) {
            $0.connection.close(code: .serviceRestart, reason: "")
            $0.receive(ClientFrame.close(1012))
        },
        Row("the node says 1012, and the client something else", 1012, .server) {
            $0.connection.close(code: .serviceRestart, reason: "")
            $0.receive(ClientFrame.close(1000))
        },
        Row("the node says 1012, and the client nothing", 1012, .server) {
            $0.connection.close(code: .serviceRestart, reason: "")
            $0.advance(.seconds(5))
        },
        Row("the client breaks the protocol", 1002, .server) { $0.receive(ClientFrame.frame(3, [])) },
        Row("the client answers no ping", nil, .server) { socket in
            for _ in 0..<20 { socket.advanceAndLook(.seconds(10)) }
        },
    ]

    @Test(arguments: Self.rows)
    func `An end has the first close frame's code and side, or none and the side that ended the socket`(row: Row) throws {
        var endings: [Ending] = []
        let socket = try EmbeddedWebSocket(onEnding: { ending in
            endings.append(Ending(code: ending.code?.rawValue, side: ending.side))
        })
        row.act(socket)
        socket.channel.close(promise: nil)
        #expect(endings == [row.ending])
    }
}
