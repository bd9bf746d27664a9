import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Runs the scripts of the session store.
struct RedisSessionScripts: Sendable {
    /// How long the head of a topic outlives its entries.
    private static let topicLife = Duration.seconds(3600)

    let runner: RedisScriptRunner
    private let names: RedisNames
    private let limits: SessionLimits
    private let idleHistoryBytes: Int
    /// The history of Redis of which the last answer told. Only a reason to look whether it is still the same.
    private let history = NIOLockedValueBox("")

    init(resolver: MasterResolver, limits: SessionLimits, idleHistoryBytes: Int, logger: Logger) {
        self.runner = RedisScriptRunner(
            role: "session-scripts",
            scripts: RedisScript.sessions,
            resolver: resolver,
            logger: logger
        )
        self.names = RedisNames(prefix: resolver.configuration.keyPrefix)
        self.limits = limits
        self.idleHistoryBytes = idleHistoryBytes
    }

    /// - Parameter sequence: nil for a script that may be repeated.
    func evaluate(
        _ script: RedisScript,
        _ arguments: [String],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> SessionReply {
        try await self.evaluate(script, RedisArguments(arguments), from: caller, as: nil)
    }

    func evaluate(
        _ script: RedisScript,
        _ arguments: RedisArguments,
        from caller: SessionCaller,
        as sequence: OperationSequence?
    ) async throws(SessionStoreError) -> SessionReply {
        var all = RedisArguments([
            self.history.withLockedValue { $0 },
            caller.seen.map { "\($0.epoch)" } ?? "", caller.seen.map { "\($0.number)" } ?? "",
            "\(self.limits.logAge.milliseconds)",
            "op:\(caller.node)", "\(sequence?.number ?? 0)", "\(sequence?.previous ?? 0)",
        ])
        all.append(bytesOf: .random(in: .min ... .max))
        for argument in [
            "\(self.limits.topicMessages)", "\(self.limits.topicBytes)", "\((self.limits.logAge + Self.topicLife).milliseconds)",
            "\(self.idleHistoryBytes)", caller.hub.isDefault ? "hub" : "other",
        ] {
            all.append(argument)
        }
        all.append(arguments)
        let reply = try SessionReply(try await self.run(script, all, in: caller.hub))
        if let history = reply.history { self.history.withLockedValue { $0 = history } }
        return reply
    }

    /// A script that changes nothing of the order.
    func look(_ script: RedisScript, _ arguments: [String], in hub: HubName) async throws(SessionStoreError) -> RESPValue {
        try await self.run(script, RedisArguments(arguments), in: hub)
    }

    private func run(
        _ script: RedisScript,
        _ arguments: RedisArguments,
        in hub: HubName
    ) async throws(SessionStoreError) -> RESPValue {
        do throws(RedisScriptError) {
            let keys = [SessionKeys(hub, self.names).head]
            return try await self.runner.evaluate(script, keys: keys, arguments: arguments)
        } catch {
            switch error {
            case .unavailable(let reason), .refused(let reason): throw .unavailable(reason)
            }
        }
    }
}

extension RedisScript {
    /// The scripts of the session store.
    static let sessions: [RedisScript] = [
        .attach, .publishInOrder, .changeMembership, .changeField, .close, .claim, .detach, .takeSession, .remove, .expire,
        .vouch,
        .readSession, .acknowledge, .lastNumbers, .markHub,
        .expiredSessions, .sessionsOfNode, .findSessions, .sessionRecords, .endedSessions, .confirmEnded,
    ]
}
