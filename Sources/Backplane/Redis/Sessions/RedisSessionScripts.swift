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

    struct Call {
        let script: RedisScript
        /// From 14 on.
        let arguments: RedisArguments
        /// Nil for a script that may be repeated.
        var sequence: OperationSequence?
    }

    func evaluate(
        _ script: RedisScript,
        _ arguments: [String],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> SessionReply {
        try await self.evaluate([Call(script: script, arguments: RedisArguments(arguments))], from: caller)[0]
    }

    /// Runs scripts in order, without waiting for answers in between.
    /// - Returns: a reply to each. If one has none, all count as unanswered.
    func evaluate(_ calls: [Call], from caller: SessionCaller) async throws(SessionStoreError) -> [SessionReply] {
        let common = calls.map { (script: $0.script, arguments: self.arguments(of: $0, from: caller)) }
        var replies: [SessionReply] = []
        for value in try await self.run(common, in: caller.hub) {
            let reply = try SessionReply(value)
            if let history = reply.history { self.history.withLockedValue { $0 = history } }
            replies.append(reply)
        }
        return replies
    }

    private func arguments(of call: Call, from caller: SessionCaller) -> RedisArguments {
        var all = RedisArguments([
            self.history.withLockedValue { $0 },
            caller.seen.map { "\($0.epoch)" } ?? "", caller.seen.map { "\($0.number)" } ?? "",
            "\(self.limits.logAge.milliseconds)",
            "op:\(caller.node)", "\(call.sequence?.number ?? 0)", "\(call.sequence?.previous ?? 0)",
        ])
        all.append(bytesOf: .random(in: .min ... .max))
        for argument in [
            "\(self.limits.topicMessages)", "\(self.limits.topicBytes)", "\((self.limits.logAge + Self.topicLife).milliseconds)",
            "\(self.idleHistoryBytes)", caller.hub.isDefault ? "hub" : "other",
        ] {
            all.append(argument)
        }
        all.append(call.arguments)
        return all
    }

    /// A script that changes nothing of the order.
    func look(_ script: RedisScript, _ arguments: [String], in hub: HubName) async throws(SessionStoreError) -> RESPValue {
        try await self.run([(script, RedisArguments(arguments))], in: hub)[0]
    }

    private func run(
        _ calls: [(script: RedisScript, arguments: RedisArguments)],
        in hub: HubName
    ) async throws(SessionStoreError) -> [RESPValue] {
        do throws(RedisScriptError) {
            return try await self.runner.evaluate(calls, keys: [SessionKeys(hub, self.names).head])
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
        .expiredSessions, .sessionsOfNode, .sessionRecords, .endedSessions, .confirmEnded,
    ]
}
