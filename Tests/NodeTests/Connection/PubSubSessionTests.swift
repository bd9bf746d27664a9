import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Sessions of Web PubSub on a transport, with an application that has no handler for events.
@Suite
struct PubSubSessionTests {
    private static let raw = "raw"
    private static let endpoint = Endpoint.plain(
        ClosureApplication(),
        precision: .seconds,
        more: [
            (raw, RawPubSubProtocol()), (JSONPubSubProtocol.subprotocol, JSONPubSubProtocol(isReliable: false)),
        ]
    )

    private func socket(_ subprotocol: String) throws -> EmbeddedWebSocket {
        try EmbeddedWebSocket(maximumMessageBytes: 65_536, endpoint: Self.endpoint, offers: [subprotocol])
    }

    private static func disconnected(_ reason: String) -> ServerFrame {
        .text(#"{"type":"system","event":"disconnected","message":"\#(reason)"}"#)
    }

    @Test func `A raw client's failed event ends its connection, and nothing of it is handled any more`() throws {
        let socket = try self.socket(Self.raw)
        socket.receive(ClientFrame.text("a") + ClientFrame.text("b"))
        #expect(try socket.sent() == [.close(1011, "Internal server error")])
    }

    @Test func `A failed event of a JSON client has an error, and the connection stays`() throws {
        let socket = try self.socket(JSONPubSubProtocol.subprotocol)
        socket.receive(
            ClientFrame.text(#"{"type":"event","event":"e","data":1,"ackId":7}"#) + ClientFrame.text(#"{"type":"ping"}"#)
        )
        let error = #"{"name":"InternalServerError","message":"Internal server error"}"#
        #expect(
            try socket.sent() == [
                .text(#"{"type":"ack","ackId":7,"success":false,"error":\#(error)}"#), .text(#"{"type":"pong"}"#),
            ]
        )
    }

    @Test func `A malformed message of a JSON client ends its connection with 1007, a binary one with 1003`() throws {
        for (frame, end) in [
            (ClientFrame.text("{}"), ProtocolViolation.pubSubMalformed), (ClientFrame.binary([1]), .pubSubBinary),
        ] {
            let socket = try self.socket(JSONPubSubProtocol.subprotocol)
            socket.receive(frame + ClientFrame.text(#"{"type":"ping"}"#))
            #expect(try socket.sent() == [Self.disconnected(end.reason), .close(end.closeCode.rawValue, end.reason)])
        }
    }
}
