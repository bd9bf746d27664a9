import Logging
import NIOCore

/// Runs scripts in Redis over one connection, for whoever on this node needs it. Used from any thread.
///
/// While the connection is down, calls fail at once; otherwise they end within the configuration's command timeout.
final class RedisScriptRunner: Sendable {
    /// Of every key, without the colon.
    let keyPrefix: String
    private let core: NIOLoopBoundBox<RedisScriptCore>
    private let eventLoop: any EventLoop

    /// - Parameters:
    ///   - role: what the connection is for, in logs and in Redis' client list.
    ///   - watch: shared by all that links this node to Redis, and on whose event loop the connection lives.
    init(role: String, watch: MasterResolver, logger: Logger) {
        self.keyPrefix = watch.configuration.keyPrefix
        self.eventLoop = watch.eventLoop
        self.core = .makeBoxSendingValue(
            RedisScriptCore(role: role, watch: watch, logger: logger),
            eventLoop: watch.eventLoop
        )
    }

    func start() {
        self.eventLoop.execute { self.core.value.start() }
    }

    /// For good.
    func stop() {
        self.eventLoop.execute { self.core.value.stop() }
    }

    /// - Parameter payload: the last argument, when there is one that is not text.
    func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: [String],
        payload: ByteBuffer? = nil
    ) async throws(RedisScriptError) -> RESPValue {
        let result = await withCheckedContinuation { continuation in
            self.eventLoop.execute {
                self.core.value.evaluate(script, keys: keys, arguments: arguments, payload: payload) {
                    continuation.resume(returning: $0)
                }
            }
        }
        return try result.get()
    }
}

/// Why a script gave no answer. Whether Redis has run it is unknown.
enum RedisScriptError: Error, Hashable, Sendable {
    /// Not linked, no answer within the deadline, or Redis says that it will answer later. The text is for operators.
    case unavailable(String)
    /// The text is for operators.
    case refused(String)
}
