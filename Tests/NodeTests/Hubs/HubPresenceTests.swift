import NIOCore
import NIOEmbedded
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What a node tells the presence store and its clients, by hub.
@Suite
struct HubPresenceTests {
    private func record(in hub: HubName) -> ConnectionRecord {
        ConnectionRecord(id: .random(on: NodeID(rawValue: 1)), hub: hub, protocol: "plain", connectedAt: 1)
    }

    @Test func `An update is of one hub, and all hubs have their turn`() {
        let hubs: [HubName] = [.default, "chat", "other"]
        var registration = PresenceRegistration()
        registration.registered(with: [])
        var store: [HubName: Set<ConnectionID>] = [:]
        var expected: [HubName: Set<ConnectionID>] = [:]
        var updates = 0
        func settle() -> Int {
            updates = 0
            while case .update(let hub, let adding, let removing) = registration.next() {
                updates += 1
                #expect(adding.allSatisfy { $0.hub == hub })
                #expect(adding.count + removing.count <= PresenceLimits.connectionsPerUpdate)
                store[hub, default: []].formUnion(adding.map(\.id))
                #expect(store[hub, default: []].isSuperset(of: removing))
                store[hub, default: []].subtract(removing)
                _ = registration.updated(adding: adding, removing: removing)
            }
            return updates
        }
        for number in 0..<1800 {
            let record = self.record(in: hubs[number % 3])
            registration.opened(record)
            expected[record.hub, default: []].insert(record.id)
        }
        #expect(settle() == 6)
        #expect(store == expected)
        for (hub, ids) in expected {
            for id in ids.prefix(300) {
                registration.closed(id, in: hub)
                expected[hub]?.remove(id)
            }
        }
        // Closed before it was stored.
        let passing = self.record(in: "passing")
        registration.opened(passing)
        registration.closed(passing.id, in: "passing")
        #expect(settle() == 3)
        #expect(store == expected)
    }

    @Test func `Joins and leaves are announced in their hub, with a rate of its own`() {
        let (loop, broker, node) = (EmbeddedEventLoop(), RecordingBroker(), NodeID(rawValue: 1))
        let directory = NodeDirectory(
            own: NodeRecord(id: node, name: "own", version: "1", startedAt: 0, leaseMilliseconds: 5000)
        )
        let publisher = Publisher(
            node: node,
            broker: broker,
            receipts: ReceiptCollector(eventLoop: loop, directory: directory),
            now: { 0 }
        )
        let announcer = Announcer(limit: 2, publisher: publisher, eventLoop: loop)
        for hub: HubName in [.default, "chat"] {
            for _ in 0..<5 { announcer.record(.joined(.random(on: node)), in: hub) }
        }
        loop.advanceTime(by: .seconds(3))
        announcer.connectionsLost(["chat": 3, "other": 1])
        func texts(_ hub: HubName) -> [String] {
            broker.published.compactMap { published in
                guard case .publication(let publication) = published.message, publication.hub == hub else { return nil }
                #expect(published.topic == .all(hub))
                return String(buffer: publication.payload)
            }
        }
        #expect(texts(.default).count == 3 && texts(.default).last == "3 clients joined.")
        #expect(texts("chat").count == 4 && texts("chat").suffix(2) == ["3 clients joined.", "3 clients left."])
        #expect(texts("other") == ["1 client left."])
    }

    @Test func `Of many hubs the largest have a series, and the rest is one`() {
        var counts: [HubName: Int] = ["other": 5000]
        for number in 0..<200 { counts[HubName("hub\(number)") ?? .default] = 1000 - number }
        let gauge = Gauge.hubs("g", counts)
        #expect(gauge.series.count == Gauge.maximumHubs + 1)
        #expect(gauge.series.prefix(100).map { $0.dimensions.map(\.1) } == (0..<100).map { ["hub\($0)"] })
        #expect(gauge.series.last?.dimensions.map(\.1) == ["other"])
        #expect(gauge.series.last?.value == 5000 + (100..<200).reduce(0) { $0 + 1000 - $1 })
        #expect(gauge.series.reduce(0) { $0 + $1.value } == counts.values.reduce(0, +))
        #expect(Gauge.hubs("g", [:]).series.isEmpty)
        #expect(MetricsRegistry().text(gauges: [Gauge.hubs("g", ["a`]": 2])]).hasSuffix("g{hub=\"a`]\"} 2\n"))
    }
}
