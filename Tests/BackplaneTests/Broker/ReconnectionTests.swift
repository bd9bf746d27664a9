import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import VolaryBackplane

/// Many links to one Redis that comes back.
@Suite
struct ReconnectionTests {
    /// When each of the links, all lost at 0 after a long life, is back: its first attempt that finds Redis there.
    private func returns(of links: Int, after outage: Duration) -> [Duration] {
        let configuration = RedisConfiguration()
        let backoff = Backoff(minimum: configuration.reconnectMinimum, maximum: configuration.reconnectMaximum)
        var random = SplitMix64(state: 42)
        return (0..<links).map { _ in
            var machine = RedisLink.StateMachine()
            _ = machine.started()
            _ = machine.connected(at: .uptimeNanoseconds(0))
            var now = Duration.seconds(3600)
            let back = now + outage
            while true {
                guard case .pause(let attempt, _, _) = machine.lost(reason: "gone", at: .now() + TimeAmount(now)) else {
                    return .zero
                }
                now += backoff.pause(attempt: attempt, random: .random(in: 0...1, using: &random))
                _ = machine.pauseEnded()
                if now >= back { return now - back }
            }
        }
    }

    @Test(arguments: [Duration.zero, .milliseconds(300), .seconds(5), .seconds(60)])
    func `They do not come in one tick, and all are there soon`(outage: Duration) {
        let times = self.returns(of: 900, after: outage)
        let last = times.max() ?? .zero
        // The pause of an outage without end; that of one which is over at once is its first.
        #expect(last <= (outage == .zero ? .milliseconds(50) : .seconds(2)))
        // In no twentieth of the time in which they all come is there much more than a twentieth of them.
        let spread = outage == .zero ? Duration.milliseconds(50) : min(.seconds(2), outage * 2)
        let ticks = Dictionary(grouping: times) { Int($0 / (spread / 20)) }.mapValues(\.count)
        #expect((ticks.values.max() ?? 0) < 900 / 20 * 3, "\(ticks.sorted { $0.key < $1.key })")
    }

    @Test func `A link asks for chance before each new attempt, and waits as long as it says`() async throws {
        let redis = try await FakeRedis.start { _, _ in .close }
        let asked = NIOLockedValueBox(0)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        var configuration = RedisConfiguration(port: redis.port)
        configuration.reconnectMinimum = .seconds(3600)
        configuration.reconnectMaximum = .seconds(3600)
        let settings = configuration
        let link = try await eventLoop.submit {
            let link = RedisLink(
                role: "test",
                to: .master(MasterResolverCore(configuration: settings, eventLoop: eventLoop, logger: .quiet)),
                configuration: settings,
                eventLoop: eventLoop,
                logger: .quiet,
                random: {
                    // No pause before the first three attempts.
                    asked.withLockedValue { asked in
                        asked += 1
                        return asked <= 3 ? 0 : 1
                    }
                }
            )
            link.start()
            return NIOLoopBound(link, eventLoop: eventLoop)
        }.get()
        #expect(await eventually { asked.withLockedValue { $0 } == 4 })
        #expect(redis.connections == 4)
        try await eventLoop.submit {
            #expect(link.value.state == .pausing)
            link.value.stop()
        }.get()
        await redis.stop()
    }
}
