import Logging
import NIOCore

/// Runs scripts in Redis over one connection, for several users on this node. Thread-safe.
///
/// While the connection is down, calls fail at once; otherwise they end within the configuration's command timeout.
final class RedisScriptRunner: Sendable {
    /// The prefix of every key, without the colon.
    let keyPrefix: String
    private let core: NIOLoopBoundBox<RedisScriptCore>
    private let eventLoop: any EventLoop

    /// - Parameters:
    ///   - role: the purpose of the connection, for logs and Redis' client list.
    ///   - scripts: to be loaded over each new link. Others are sent as text.
    ///   - resolver: shared by all links of this node to Redis, and the owner of the event loop on which the connection lives.
    init(role: String, scripts: [RedisScript] = RedisScript.all, resolver: MasterResolver, logger: Logger) {
        self.keyPrefix = resolver.configuration.keyPrefix
        self.eventLoop = resolver.eventLoop
        self.core = .makeBoxSendingValue(
            RedisScriptCore(role: role, scripts: scripts, resolver: resolver, logger: logger),
            eventLoop: resolver.eventLoop
        )
    }

    func start() {
        self.eventLoop.execute { self.core.value.start() }
    }

    /// Stops the link permanently.
    func stop() {
        self.eventLoop.execute { self.core.value.stop() }
    }

    /// - Parameter payload: the last argument, if there is one that is not text.
    func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: [String],
        payload: ByteBuffer? = nil
    ) async throws(RedisScriptError) -> RESPValue {
        var all = RedisArguments(arguments)
        if let payload { all.append(payload) }
        return try await self.evaluate(script, keys: keys, arguments: all)
    }

    func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: RedisArguments
    ) async throws(RedisScriptError) -> RESPValue {
        let result = await withCheckedContinuation { continuation in
            self.eventLoop.execute {
                self.core.value.evaluate(script, keys: keys, arguments: arguments) {
                    continuation.resume(returning: $0)
                }
                self.core.value.flush()
            }
        }
        return try result.get()
    }

    /// Runs scripts that use the same keys, in order, without waiting for answers in between. A script that must be loaded again
    /// runs after the others.
    func evaluate(
        _ calls: [(script: RedisScript, arguments: RedisArguments)],
        keys: [String]
    ) async -> [Result<RESPValue, RedisScriptError>] {
        let results = await withCheckedContinuation { continuation in
            self.eventLoop.execute {
                var results: [Result<RESPValue, RedisScriptError>?] = Array(repeating: nil, count: calls.count)
                var missing = calls.count
                for (index, call) in calls.enumerated() {
                    self.core.value.evaluate(call.script, keys: keys, arguments: call.arguments) { result in
                        results[index] = result
                        missing -= 1
                        if missing == 0 { continuation.resume(returning: results) }
                    }
                }
                self.core.value.flush()
            }
        }
        return results.compactMap(\.self)
    }
}

/// Why a script gave no answer. Whether Redis has run it is unknown.
enum RedisScriptError: Error, Hashable, Sendable {
    /// Not linked, no answer within the timeout, or Redis is temporarily unavailable. The text is for operators.
    case unavailable(String)
    /// The text is for operators.
    case refused(String)
}
