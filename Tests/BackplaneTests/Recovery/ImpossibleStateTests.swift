import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Whoever may write to Redis can make states there that no node makes. None lasts.
@Suite(.timeLimit(.minutes(3)))
struct ImpossibleStateTests {
    @Test(arguments: [BrokerSettings.Delivery.logged, .atMostOnce], ["4000", "2 ^ 40", "2 ^ 63"])
    func `A message in a node's name with a high sequence silences it for nobody`(
        delivery: BrokerSettings.Delivery,
        sequence: String
    ) async throws {
        try await LoggedCluster.run(of: 2, settings: BrokerSettings(delivery: delivery)) { cluster in
            // A drain, of all messages the shortest.
            let script = """
                local envelope = 'V\\2\\5\\2' .. struct.pack('>I4', ARGV[2]) .. struct.pack('>I8', \(sequence) + ARGV[3]) .. string.rep('\\0', 17)
                return redis.call('SPUBLISH', ARGV[1], envelope)
                """
            for (topic, more) in [(Topic.all, 0), (.group("red"), 4000)] {
                await cluster.publish(["before"], to: topic)
                #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.texts.last == "before" } })
                let channel = LogKeys(topic).channel
                let count = cluster.nodes[1].receiver.count
                let origin = cluster.nodes[0].node.rawValue
                #expect(cluster.server.command("EVAL", script, "0", channel, "\(origin)", "\(more)") == ":2\r\n")
                #expect(await eventually { cluster.nodes[1].receiver.count == count + 1 })
                // What it hears next of the topic, the node hears after that message.
                await cluster.publish(["between"], to: topic, from: 1)
                #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.texts.last == "between" } })
                await cluster.publish(["after", "later"], to: topic)
                #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.texts.suffix(2) == ["after", "later"] } })
            }
            #expect(cluster.nodes.allSatisfy { $0.broker.health.isUp && $0.broker.health.lost == 0 })
        }
    }

    @Test func `A log with the last of all ids is begun anew`() async throws {
        for id in ["18446744073709551615-18446744073709551615", "9007199254740991-0", "99999999999999-18446744073709551615"] {
            try await LoggedCluster.run(of: 2) { cluster in
                await cluster.publish(["before"])
                #expect(cluster.server.command("XADD", LogKeys(.all).log, id, "a", "b")?.hasPrefix("$") == true)
                await cluster.publish(["after", "later"])
                #expect(await eventually { cluster.nodes.allSatisfy { $0.receiver.texts == ["before", "after", "later"] } })
                #expect(cluster.nodes.allSatisfy { $0.broker.health.isUp && $0.receiver.missed.isEmpty })
            }
        }
    }
}
