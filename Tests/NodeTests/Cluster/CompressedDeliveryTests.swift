import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Compression on the way to the connections.
@Suite
struct CompressedDeliveryTests {
    private static let long = String(repeating: "all of it again and again, ", count: 20)

    private static func agreement(_ parameters: ExtensionOffer.Parameter...) -> NegotiatedDeflate? {
        NegotiatedDeflate.accepting([ExtensionOffer("permessage-deflate", parameters)])
    }

    /// Read back as if a client had sent it.
    private func inflated(_ frame: ServerFrame?) throws -> MessageDecoder.Event? {
        guard case .compressed(let opcode, let payload) = frame else { return nil }
        var decoder = MessageDecoder(compression: Self.agreement())
        var bytes = ByteBuffer(bytes: ClientFrame.frame(0x40 + opcode, payload))
        return try decoder.next(&bytes)
    }

    // MARK: - To all

    @Test func `Each connection gets the form that it agreed on`() throws {
        let embedded = try DeliveryHarness.Embedded(compressions: [nil, Self.agreement()])
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive([DeliveryHarness.envelope("short"), DeliveryHarness.envelope(Self.long)])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == [DeliveryHarness.binary("short"), DeliveryHarness.binary(Self.long)])
        #expect(embedded.sockets[1].wire.writes == 1)
        let frames = try embedded.sockets[1].sent()
        #expect(frames.first == DeliveryHarness.binary("short"))
        #expect(try self.inflated(frames.last) == .binary(ByteBuffer(string: Self.long)))
    }

    @Test func `What waits until it is written is compressed too`() throws {
        let embedded = try DeliveryHarness.Embedded(compressions: [Self.agreement()])
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive([DeliveryHarness.envelope(Self.long, as: .text, confirmation: .written(milliseconds: 1000))])
        embedded.loop.run()
        guard case .text(let text) = try self.inflated(try embedded.sockets[0].sent().first) else {
            Issue.record("not compressed, or no text")
            return
        }
        #expect(String(buffer: text).contains(Self.long))
    }

    @Test func `A connection whose window is smaller than a message gets its batch plain`() throws {
        let embedded = try DeliveryHarness.Embedded(compressions: [
            Self.agreement(.init("server_max_window_bits", "8")), Self.agreement(.init("server_max_window_bits", "10")),
        ])
        let parts = DeliveryHarness.parts(embedded.manager)
        parts.delivery.receive([DeliveryHarness.envelope(Self.long)])
        embedded.loop.run()
        #expect(try embedded.sockets[0].sent() == [DeliveryHarness.binary(Self.long)])
        #expect(try self.inflated(try embedded.sockets[1].sent().first) != nil)
    }

    @Test func `A batch is compressed once for all event loops`() throws {
        let batch = EncodedBatch([PlacedPublication(Self.publication), PlacedPublication(Self.publication)])
        let encoding = SpokenProtocol(PlainProtocol()).encoding(framing: .webSocket, isDeflated: true)
        let addresses = [Deflater(), Deflater()].map { deflater in
            batch.form(encoding, deflater: deflater).bytes.withUnsafeReadableBytes { $0.baseAddress }
        }
        #expect(addresses[0] == addresses[1])
    }

    @Test(arguments: [([], 0), ([nil], 1), ([nil, nil], 1), ([Self.agreement()], 1), ([nil, Self.agreement(), nil], 2)])
    func `A batch is made in those encodings that connections use, and in no others`(
        compressions: [NegotiatedDeflate?],
        count: Int
    ) throws {
        let embedded = try DeliveryHarness.Embedded(compressions: compressions)
        let batch = EncodedBatch([PlacedPublication(Self.publication)])
        #expect(batch.count == 0)
        let reached = embedded.manager.shards[0].deliver(FanOut(batch, to: .all, bytes: 1) { _ in }).connections
        #expect(Int(reached) == compressions.count)
        #expect(batch.count == count)
    }

    private static let publication = Publication(
        id: .random(on: DeliveryHarness.origin),
        kind: .message,
        dataType: .binary,
        timestamp: 0,
        payload: ByteBuffer(string: Self.long)
    )

    // MARK: - To one

    @Test func `What goes to one connection goes in its form`() throws {
        let sockets = try [nil, Self.agreement(), Self.agreement(.init("server_max_window_bits", "9"))].map {
            try EmbeddedWebSocket(endpoint: .echo, compression: $0)
        }
        for socket in sockets {
            socket.connection.send(.echo(.text(ByteBuffer(string: Self.long)), from: socket.connection.id, timestamp: 0))
        }
        #expect(try sockets[0].sent() == [.text(Self.long)])
        #expect(try self.inflated(try sockets[1].sent().first) == .text(ByteBuffer(string: Self.long)))
        #expect(try sockets[2].sent() == [.text(Self.long)])
    }
}
