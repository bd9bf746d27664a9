import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// The quota of bytes that a hub keeps in Redis.
@Suite(.timeLimit(.minutes(3)))
struct HubStorageTests {
    @Test func `A hub above the quota is measured until it is below, another one when it is used`() {
        var use = HubStorageUse(limit: 1000)
        func permits(_ hub: HubName) -> Bool { use.permits(hub) }
        func due() -> Set<HubName> { use.takeDue() }
        #expect(permits("a"))
        #expect(permits("b"))
        #expect(due() == ["a", "b"])
        #expect(due() == [])
        use.measured("a", bytes: 1001)
        use.measured("b", bytes: 1000)
        for _ in 0..<2 { #expect(due() == ["a"]) }
        #expect(!permits("a"))
        #expect(permits("b"))
        #expect(due() == ["a", "b"])
        use.measured("a", bytes: 1000)
        #expect(permits("a"))
    }

    @Test func `However many hubs are used, only so many are remembered`() throws {
        var use = HubStorageUse(limit: 1000)
        for number in 0...HubStorageUse.maximumHubs { _ = use.permits(try #require(HubName("h\(number)"))) }
        let due = use.takeDue()
        #expect(due.count == HubStorageUse.maximumHubs)
    }

    @Test func `A hub that cannot be measured stays as it is`() async {
        let quotas = HubQuotas(HubQuota.Limits(storageBytes: 1000)) { _ in 0 }
        let bytes = NIOLockedValueBox<Int?>(2000)
        #expect(quotas.take(bytes: 1, in: "a") == nil)
        for (measured, expected) in [(2000, .storage), (nil, .storage), (10, nil), (nil, nil)] as [(Int?, HubQuota?)] {
            bytes.withLockedValue { $0 = measured }
            await quotas.measureStorage { _ in bytes.withLockedValue { $0 } }
            #expect(quotas.take(bytes: 1, in: "a") == expected)
        }
    }

    @Test func `A hub with too many bytes in Redis is refused until it has less, others go on`() async throws {
        let redis = try RedisServer.start()
        defer { redis.stop() }
        let options: [ConfigurationOption: String] = [
            .accessKey: PubSubToken.key, .apiKey: PubSubNode.apiKey, .hubStorage: "1MiB",
        ]
        try await APITestNode.with(redis: [redis.url, redis.url], options) { nodes in
            let client = try await PubSubClient.member(nodes[0], "full", ["webpubsub.group": ["g"]])
            let text = String(repeating: "x", count: 20_000)
            func send(_ hub: String, by node: APITestNode) async throws -> HTTPTestResponse {
                try await PubSubCaller(node: node, hub: hub).call("POST", "/groups/g/:send", body: text)
            }
            // Each node notices within a second; until then more is accepted.
            for node in nodes {
                let isRefused = try await eventually { try await send("full", by: node).status == 429 }
                #expect(isRefused)
                #expect(try await send("other", by: node).status == 202)
            }
            let refused = try await send("full", by: nodes[1])
            #expect(refused.body.contains("The hub is at its quota of bytes in Redis (--hub-storage)."), "\(refused.body)")
            #expect(refused[header: "retry-after"] == "5")
            let metrics = try await nodes[1].request("GET", "/metrics").body
            #expect(metrics.contains(#"volary_hub_refusals_total{hub="full",reason="storage"}"#))
            #expect(!metrics.contains(#"volary_hub_refusals_total{hub="other""#))
            try await client.send(#"{"type":"sendToGroup","group":"g","data":1,"ackId":1}"#)
            var last = ""
            while !last.contains(#""ackId":1"#) { last = try await client.next() }
            #expect(last.contains("QuotaExceeded"))
            // As if everything had reached its age.
            redis.command("DEL", "volary:2:h:{full}:log:group:g")
            for node in nodes {
                let isPermitted = try await eventually { try await send("full", by: node).status == 202 }
                #expect(isPermitted)
            }
        }
    }
}
