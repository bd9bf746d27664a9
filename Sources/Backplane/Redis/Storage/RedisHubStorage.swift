public import Logging
import NIOConcurrencyHelpers
import NIOCore
public import VolaryProtocol

/// Measures what hubs keep in Redis: logs of topics, and sessions. See ``RedisScript/measureHub``.
public struct RedisHubStorage: Sendable {
    /// Steps of one measurement, each of about a hundred topics or sessions.
    private static let maximumSteps = 20_000

    private let runner: RedisScriptRunner
    private let names: RedisNames
    private let age: String
    private let logger: Logger
    private let log = NIOLockedValueBox(LogThrottle(interval: .seconds(60)))

    /// - Parameters:
    ///   - presence: which runs as long as this is used.
    ///   - settings: of the broker.
    public init(sharing presence: RedisPresenceStore, settings: BrokerSettings, logger: Logger) {
        self.runner = presence.runner
        self.names = RedisNames(prefix: presence.runner.keyPrefix)
        self.age = "\(settings.historyAge.milliseconds)"
        self.logger = logger
    }

    /// The bytes of one hub, about, and about a second ago; of a hub with many topics longer ago.
    /// - Returns: nil if Redis does not answer.
    public func bytes(in hub: HubName) async -> Int? {
        let keys = ["\(self.names.hub(hub)):head"]
        var (phase, cursor, sum) = ("begin", "0", "0")
        for step in 0..<Self.maximumSteps {
            let arguments = [self.age, phase, cursor, sum, "\(step)"]
            guard let parts = await self.evaluate(keys, arguments), parts.count == 3, let next = parts[0].text,
                let place = parts[1].text, let bytes = parts[2].text
            else { return nil }
            (phase, cursor, sum) = (next, place, bytes)
            if phase == "done" { return Int(sum) }
        }
        return nil
    }

    private func evaluate(_ keys: [String], _ arguments: [String]) async -> [RESPValue]? {
        do throws(RedisScriptError) {
            return try await self.runner.evaluate(.measureHub, keys: keys, arguments: arguments).elements
        } catch {
            // While Redis is away, other lines say so.
            if case .refused(let reason) = error, self.log.withLockedValue({ $0.occurred(at: .now()) }) != nil {
                self.logger.warning(
                    "Redis does not tell what hubs keep: --hub-storage has no effect",
                    metadata: [RedisLogKey.reason: "\(reason)"]
                )
            }
            return nil
        }
    }
}
