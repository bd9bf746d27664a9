import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Messages and bytes of hubs over time, and what is counted of refusals.
@Suite
struct HubRatesTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `A hub gets its messages of a second again in the next one, and no hub those of another`() {
        var rates = HubRates(HubQuota.Limits(messagesPerSecond: 2))
        func take(_ hub: HubName, _ milliseconds: Int64) -> HubQuota? {
            rates.take(bytes: 1_000_000, in: hub, now: Self.start + .milliseconds(milliseconds))
        }
        #expect([0, 0, 0, 499].map { take("a", $0) } == [nil, nil, .messages, .messages])
        #expect([0, 0, 0].map { take(.default, $0) } == [nil, nil, .messages])
        #expect([500, 500, 1500, 1500, 1500].map { take("a", $0) } == [nil, .messages, nil, nil, .messages])
    }

    @Test func `A message that is larger than the bytes of a second uses up those of the next ones`() {
        var rates = HubRates(HubQuota.Limits(bytesPerSecond: 1000))
        func take(_ bytes: Int, _ milliseconds: Int64) -> HubQuota? {
            rates.take(bytes: bytes, in: "a", now: Self.start + .milliseconds(milliseconds))
        }
        #expect(take(3000, 0) == nil)
        #expect([0, 1000, 2000].map { take(1, $0) } == [.bytes, .bytes, .bytes])
        #expect(take(1000, 3000) == nil)
    }

    @Test func `Both limits hold at the same time, each hub for itself`() {
        var rates = HubRates(HubQuota.Limits(messagesPerSecond: 10, bytesPerSecond: 1024))
        #expect(rates.take(bytes: 1024, in: "a", now: Self.start) == nil)
        #expect(rates.take(bytes: 1, in: "a", now: Self.start) == .bytes)
        #expect(rates.take(bytes: 1024, in: "b", now: Self.start) == nil)
    }

    @Test func `Hubs that send nothing any more are forgotten`() throws {
        var rates = HubRates(HubQuota.Limits(messagesPerSecond: 1))
        for number in 0..<10_000 {
            let hub = try #require(HubName("h\(number)"))
            // A hundred hubs in a second.
            #expect(rates.take(bytes: 1, in: hub, now: Self.start + .milliseconds(Int64(number) * 10)) == nil)
            #expect(rates.count <= HubRates.roomyHubs)
        }
        // A hub with a debt is not.
        #expect(rates.take(bytes: 1, in: "h9999", now: Self.start + .milliseconds(99_991)) == .messages)
    }

    @Test func `Refusals have a series for the first 100 hubs, and one for all others`() throws {
        var refusals = HubRefusals()
        for number in 0..<150 {
            let hub = try #require(HubName("h\(number)"))
            for quota in HubQuota.allCases { refusals.add(quota, of: hub) }
        }
        refusals.add(.bytes, of: "h0")
        let gauge = refusals.gauge
        #expect(gauge.name == "volary_hub_refusals_total")
        #expect(gauge.series.count == 101 * HubQuota.allCases.count)
        func value(_ hub: String, _ reason: String) -> Int? {
            gauge.series.first { $0.dimensions.map(\.1) == [hub, reason] }?.value
        }
        #expect(value("h0", "bytes") == 2 && value("h0", "messages") == 1 && value("h99", "connections") == 1)
        #expect(value("h100", "bytes") == nil && value("other", "bytes") == 50)
    }
}
