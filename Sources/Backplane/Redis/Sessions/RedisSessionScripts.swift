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
    /// - Returns: the replies up to the first script that has none. Throws when that is the first one.
    func evaluate(_ calls: [Call], from caller: SessionCaller) async throws(SessionStoreError) -> [SessionReply] {
        let common = calls.map { (script: $0.script, arguments: self.arguments(of: $0, from: caller)) }
        let results = await self.runner.evaluate(common, keys: [SessionKeys(caller.hub, self.names).head])
        var replies: [SessionReply] = []
        for result in results {
            do throws(SessionStoreError) {
                let reply = try SessionReply(try Self.value(of: result))
                if let history = reply.history { self.history.withLockedValue { $0 = history } }
                replies.append(reply)
            } catch {
                if replies.isEmpty { throw error }
                break
            }
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
        let call = (script: script, arguments: RedisArguments(arguments))
        return try Self.value(of: await self.runner.evaluate([call], keys: [SessionKeys(hub, self.names).head])[0])
    }

    private static func value(of result: Result<RESPValue, RedisScriptError>) throws(SessionStoreError) -> RESPValue {
        switch result {
        case .success(let value): value
        case .failure(.unavailable(let reason)), .failure(.refused(let reason)): throw .unavailable(reason)
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
