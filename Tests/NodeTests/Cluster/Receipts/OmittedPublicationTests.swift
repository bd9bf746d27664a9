import NIOCore
import NIOEmbedded
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Receipts of publications that a client protocol has no message for.
@Suite
struct OmittedPublicationTests {
    private static let numbered = NumberedProtocol.subprotocol

    private func embedded(_ offers: [String?]) throws -> DeliveryHarness.Embedded {
        try DeliveryHarness.Embedded(
            offers.map { (compression: nil, offer: $0) },
            endpoint: .plain(ClosureApplication(), precision: .seconds, more: [(Self.numbered, NumberedProtocol())])
        )
    }

    private func receipts(_ parts: DeliveryHarness.Parts) -> [Receipt] {
        parts.broker.published.flatMap { published -> [Receipt] in
            if case .receipts(let receipts) = published.message { receipts } else { [] }
        }
    }

    /// The numbered protocol has no message for binary data.
    private func envelopes(_ ids: [PublicationID]) -> [Envelope] {
        ids.enumerated().map { index, id in
            DeliveryHarness.envelope("x", id: id, as: index % 2 == 0 ? .text : .binary, confirmation: .routed)
        }
    }

    private static func ids(_ count: Int) -> [PublicationID] { (0..<count).map { _ in .random(on: DeliveryHarness.origin) } }

    @Test(arguments: [[nil, numbered, numbered], [numbered, numbered, nil]])
    func `A receipt counts the connections whose protocol has a message for the publication`(offers: [String?]) throws {
        let embedded = try self.embedded(offers)
        let parts = DeliveryHarness.parts(embedded.manager)
        let ids = Self.ids(4)
        parts.delivery.receive(self.envelopes(ids))
        embedded.loop.run()
        #expect(self.receipts(parts) == zip(ids, [3, 1, 3, 1]).map { Receipt(id: $0, connections: $1) })
    }

    @Test func `Batches that leave in one write have receipts of their own`() throws {
        let embedded = try self.embedded([Self.numbered, nil, Self.numbered])
        let parts = DeliveryHarness.parts(embedded.manager)
        let ids = Self.ids(2)
        for envelope in self.envelopes(ids) { parts.delivery.receive([envelope]) }
        embedded.loop.run()
        #expect(embedded.sockets.map(\.wire.writes) == [1, 1, 1])
        #expect(self.receipts(parts) == zip(ids, [3, 1]).map { Receipt(id: $0, connections: $1) })
    }

    @Test func `A connection that does not accept the bytes counts for none`() throws {
        let embedded = try self.embedded([Self.numbered, nil, Self.numbered])
        let parts = DeliveryHarness.parts(embedded.manager)
        embedded.sockets[2].connection.close(code: .normal, reason: "")
        let ids = Self.ids(2)
        parts.delivery.receive(self.envelopes(ids))
        embedded.loop.run()
        #expect(self.receipts(parts) == zip(ids, [2, 1]).map { Receipt(id: $0, connections: $1) })
    }

    @Test func `A publication that no protocol has a message for reaches nobody, also if its bytes are waited for`() throws {
        for confirmation in [Publication.Confirmation.routed, .written(milliseconds: 100)] {
            let embedded = try self.embedded([Self.numbered, Self.numbered])
            let parts = DeliveryHarness.parts(embedded.manager)
            let id = PublicationID.random(on: DeliveryHarness.origin)
            parts.delivery.receive([DeliveryHarness.envelope("x", id: id, confirmation: confirmation)])
            embedded.loop.run()
            #expect(self.receipts(parts) == [Receipt(id: id, connections: 0)])
        }
    }

    @Test func `Omissions of several event loops are added up`() {
        let ids = Self.ids(3)
        let counter = ReceiptCounter(ids: Array(ids.prefix(2)), parts: 3)
        #expect(counter.add(FanOutReach(connections: 4, omissions: [ids[1]: 3])) == nil)
        #expect(counter.add(FanOutReach(connections: 5)) == nil)
        let sum = counter.add(FanOutReach(connections: 2, omissions: [ids[1]: 2, ids[2]: 1]))
        #expect(sum.map { sum in ids.prefix(2).map(sum.count) } == [11, 6])
    }

    @Test func `Deliveries are counted for each publication`() {
        let publications = self.envelopes(Self.ids(3)).compactMap { envelope -> PlacedPublication? in
            if case .publication(let publication) = envelope.message { PlacedPublication(publication) } else { nil }
        }
        #expect(FanOutReach(connections: 5).deliveries(of: publications) == 15)
        #expect(FanOutReach(connections: 5, omissions: [publications[1].publication.id: 4]).deliveries(of: publications) == 11)
    }
}
