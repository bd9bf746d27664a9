import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The core with a further client protocol: negotiation, acknowledgments, and the tail of each connection.
@Suite
struct NumberedProtocolTests {
    private static let endpoint = Endpoint.plain(
        ClosureApplication(),
        precision: .seconds,
        more: [(NumberedProtocol.subprotocol, NumberedProtocol())]
    )

    /// - Parameter offers: nil for the standard protocol.
    private func sockets(_ offers: [String?], compression: NegotiatedDeflate? = nil) throws -> DeliveryHarness.Embedded {
        try DeliveryHarness.Embedded(offers.map { (compression: compression, offer: $0) }, endpoint: Self.endpoint)
    }

    @Test(arguments: [
        (["numbered.toy.v1"], "numbered.toy.v1"), (["chat", "numbered.toy.v1", "volary"], "numbered.toy.v1"),
        (["volary", "numbered.toy.v1"], "volary"), (["NUMBERED.toy.v1"], nil), ([], nil),
    ])
    func `The first name that is spoken is chosen`(offered: [String], chosen: String?) {
        let choice = Self.endpoint.choose(of: offered)
        #expect(choice.name == chosen)
        #expect(choice.spoken.base.name == (chosen == NumberedProtocol.subprotocol ? "numbered" : "plain"))
    }

    @Test func `On the wire: negotiation, acknowledgements, and a number of its own for each connection`() async throws {
        let node = try await RunningNode.start([:], subprotocols: [(NumberedProtocol.subprotocol, NumberedProtocol())])
        let offer = ["Sec-WebSocket-Protocol: chat, \(NumberedProtocol.subprotocol)"]
        let plain = try await TestClient.open(port: node.port)
        let first = try await TestClient.open(port: node.port, fields: offer)
        first.write(ClientFrame.text("7 hello"))
        #expect(await eventually { first.frames.count == 2 })
        #expect(Set(first.frames.map(\.text)) == ["ok 7", "hello #0000000001"])
        let second = try await TestClient.open(port: node.port, fields: offer)
        second.write(ClientFrame.text("18446744073709551615 again"))
        #expect(await eventually { first.frames.count == 3 && second.frames.count == 2 })
        #expect(first.frames.last == .text("again #0000000002"))
        #expect(Set(second.frames.map(\.text)) == ["ok 18446744073709551615", "again #0000000001"])
        #expect(await eventually { plain.messages() == ["hello", "again"] })
        second.write(ClientFrame.text("no number"))
        let reason = NumberedSession.malformed.reason
        #expect(await eventually { second.frames.suffix(2) == [.text("bye 1007 \(reason)"), .close(1007, reason)] })
        for client in [plain, first, second] { await client.close() }
        try await node.stop()
    }

    @Test func `Publications that leave together are numbered one by one, in one write`() throws {
        let embedded = try self.sockets([NumberedProtocol.subprotocol, nil, NumberedProtocol.subprotocol])
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive(["a", "b"].map { DeliveryHarness.envelope($0, as: .text) })
        parts.delivery.receive([
            DeliveryHarness.envelope("only one", to: .connection(embedded.sockets[2].connection.id), as: .text)
        ])
        parts.delivery.receive([DeliveryHarness.envelope("c", as: .text)])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent().map(\.text) == ["a #0000000001", "b #0000000002", "c #0000000003"])
        #expect(
            try embedded.sockets[2].sent().map(\.text)
                == ["a #0000000001", "b #0000000002", "only one #0000000003", "c #0000000004"]
        )
        #expect(embedded.sockets[0].wire.writes == 2)
        #expect(try embedded.sockets[1].sent().count == 3)
    }

    @Test func `The node makes the room for a tail, also behind an empty message`() throws {
        let embedded = try self.sockets([NumberedProtocol.subprotocol, nil])
        let parts = DeliveryHarness.parts(embedded.manager)
        let long = String(repeating: "x", count: 120)
        parts.delivery.receive(["", long, ""].map { DeliveryHarness.envelope($0, as: .text) })
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent().map(\.text) == [" #0000000001", "\(long) #0000000002", " #0000000003"])
        #expect(try embedded.sockets[1].sent().count == 3)
    }

    @Test func `Shared bytes that wait in a channel stay as they are while the next connection's are made`() throws {
        let embedded = try self.sockets([NumberedProtocol.subprotocol, NumberedProtocol.subprotocol])
        for socket in embedded.sockets { socket.wire.isStalled = true }
        let parts = DeliveryHarness.parts(embedded.manager)
        for _ in 0..<2 {
            parts.delivery.receive([DeliveryHarness.envelope("x", as: .text, confirmation: .written(milliseconds: 9))])
        }
        embedded.loop.run()
        for socket in embedded.sockets {
            socket.wire.isStalled = false
            socket.channel.flush()
        }
        for socket in embedded.sockets { #expect(try socket.sent().map(\.text) == ["x #0000000001", "x #0000000002"]) }
    }

    @Test func `Messages with a tail are not compressed, and what a protocol has no words for is not sent`() throws {
        let deflate = NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate", [])])
        let embedded = try self.sockets([NumberedProtocol.subprotocol], compression: deflate)
        let parts = DeliveryHarness.parts(embedded.manager)
        let long = String(repeating: "again and ", count: 50)
        parts.delivery.receive([
            DeliveryHarness.envelope("bytes"), DeliveryHarness.envelope("joined", kind: .system, as: .text),
            DeliveryHarness.envelope(long, as: .text),
        ])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent().map(\.text) == ["\(long) #0000000001"])
    }

    @Test func `A refused action is acknowledged with its failure`() throws {
        let socket = try EmbeddedWebSocket(endpoint: Self.endpoint, offers: [NumberedProtocol.subprotocol])
        socket.connection.tell(.failure(.forbidden), ackID: .number(3))
        #expect(try socket.sent() == [.text("no 3")])
    }
}

extension ServerFrame {
    fileprivate var text: String? { if case .text(let text) = self { text } else { nil } }
}
