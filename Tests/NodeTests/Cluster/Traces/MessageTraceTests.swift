import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What a node remembers of the messages that it delivers.
@Suite
struct MessageTraceTests {
    @Test func `It knows who took a message, who was left out, and who was closing`() throws {
        let embedded = try DeliveryHarness.Embedded(4)
        let parts = DeliveryHarness.parts(embedded.manager)
        let closing = embedded.sockets[2].connection
        closing.close(code: .normal, reason: "")
        let id = PublicationID.random(on: DeliveryHarness.origin)
        let details = PublicationDetails(excluded: [embedded.sockets[0].connection.id])
        parts.delivery.receive([DeliveryHarness.envelope("x", id: id, details: details)])
        #expect(parts.traces.report(of: id).arrivals.map(\.state) == ["delivering"])
        embedded.loop.run()
        let arrivals = parts.traces.report(of: id).arrivals
        #expect(arrivals.count == 1)
        #expect(arrivals.first?.state == "delivered" && arrivals.first?.finishedAt != nil)
        #expect(arrivals.first?.connections == 2 && arrivals.first?.excluded == 1 && arrivals.first?.closed == 1)
        #expect(arrivals.first?.closedIDs == [closing.id.description])
    }

    @Test func `Messages that are delivered together are told apart, also from one whose audience is not here`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager)
        let ids = (0..<3).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        parts.delivery.receive([
            DeliveryHarness.envelope("a", id: ids[0]), DeliveryHarness.envelope("b", id: ids[1]),
            DeliveryHarness.envelope("c", id: ids[2], to: .connection(.random(on: DeliveryHarness.origin))),
        ])
        embedded.loop.run()
        #expect(ids.map { parts.traces.report(of: $0).arrivals.map(\.state) } == [["delivered"], ["delivered"], ["no-audience"]])
        #expect(parts.traces.report(of: ids[1]).arrivals.first?.connections == 2)
        #expect(parts.traces.report(of: .random(on: DeliveryHarness.origin)).isEmpty)
    }

    @Test func `A message whose time is over is remembered as that`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager, now: { 1_781_339_999_000 })
        let id = PublicationID.random(on: DeliveryHarness.origin)
        parts.delivery.receive([DeliveryHarness.envelope("x", id: id, details: PublicationDetails(secondsToLive: 1))])
        embedded.loop.run()
        #expect(parts.traces.report(of: id).arrivals.map(\.state) == ["expired"])
    }

    @Test func `A long fan-out and one whose bytes are waited for report the same`() throws {
        let embedded = try DeliveryHarness.Embedded(3)
        let parts = DeliveryHarness.parts(embedded.manager)
        embedded.sockets[1].connection.close(code: .normal, reason: "")
        let ids = (0..<2).map { _ in PublicationID.random(on: DeliveryHarness.origin) }
        parts.delivery.receive([
            DeliveryHarness.envelope("x", id: ids[0], confirmation: .written(milliseconds: 100)),
            DeliveryHarness.envelope(String(repeating: "x", count: 1 << 20), id: ids[1]),
        ])
        for _ in 0..<10 {
            embedded.loop.run()
            embedded.loop.advanceTime(by: .milliseconds(50))
        }
        for id in ids {
            let arrival = parts.traces.report(of: id).arrivals.first
            #expect(
                arrival?.state == "delivered" && arrival?.connections == 2 && arrival?.closed == 1,
                "\(String(describing: arrival))"
            )
        }
    }

    @Test func `The end of a connection is found by what other nodes know of the message`() throws {
        let embedded = try DeliveryHarness.Embedded()
        let parts = DeliveryHarness.parts(embedded.manager, now: { 1_781_330_402_000 })
        let (gone, other) = (embedded.sockets[0].connection, embedded.sockets[1].connection)
        parts.traces.ended(gone)
        func ends(_ audience: Audience, in hub: String = "default", at time: Int64 = 1_781_330_401_000) -> [String] {
            let facts = TraceFacts(hub: hub, audience: TraceAudience(audience), publishedAt: time)
            return parts.traces.report(of: .random(on: DeliveryHarness.origin), facts).ends.map(\.connection)
        }
        #expect(ends(.connection(gone.id)) == [gone.id.description])
        #expect(ends(.connection(other.id)).isEmpty && ends(.connection(gone.id), in: "chat").isEmpty)
        // It is no reason for a message that came a minute later, nor for one to all: it did not read too slowly.
        #expect(ends(.connection(gone.id), at: 1_781_330_462_001).isEmpty && ends(.all).isEmpty)
        #expect(parts.traces.report(of: .random(on: DeliveryHarness.origin)).ends.isEmpty)
    }

    @Test func `The findings say in words what is known`() {
        let texts = TraceFindings.texts(nil, [], ended: 0, missing: ["b"])
        #expect(texts == ["No connection took it on the nodes that answered.", "b did not answer: it may have got it."])
        #expect(TraceFindings.texts(nil, [], ended: 1, missing: []).contains { $0.hasPrefix("No node has got it") })
    }
}
