public import NIOCore
import VolaryProtocol

/// An ``IdempotencyStore`` in Redis: one key for each request, `<hub>:idem:<key>`, see ``RedisNames``. It holds a hash (see
/// ``RedisScript/reserve``) that expires by itself.
///
/// Each call is one script and one round trip, on Redis' clock. All keys together are limited by their bytes
/// (``RedisScript/idempotencyBytes``); each counts as at least 512, so their number is limited as well. At the limit new keys are
/// refused, and all others are kept until they expire.
public struct RedisIdempotencyStore: IdempotencyStore {
    private let runner: RedisScriptRunner
    /// The beginning of the keys' names.
    private let hub: String
    private let lifetimes: IdempotencyLifetimes
    private let maximumBytes: Int

    /// - Parameters:
    ///   - presence: the store whose connection to Redis is shared. Calls are answered while it runs.
    ///   - maximumBytes: the most that all keys of the cluster take together.
    public init(
        sharing presence: RedisPresenceStore,
        lifetimes: IdempotencyLifetimes = IdempotencyLifetimes(),
        maximumBytes: Int = IdempotencyLimits.redisBytes
    ) {
        self.maximumBytes = maximumBytes
        self.runner = presence.runner
        self.hub = RedisNames(prefix: presence.runner.keyPrefix).hub(.default)
        self.lifetimes = lifetimes
    }

    public func reserve(_ claim: IdempotencyClaim) async throws(IdempotencyError) -> IdempotencyReservation {
        let arguments =
            [claim.request, "\(claim.attempt)", Self.milliseconds(self.lifetimes.reservation)]
            + self.bounds + ["\(IdempotencyLimits.smallAnswerBytes)"]
        let reply = try await self.evaluate(.reserve, claim.key, arguments)
        if let elements = reply.elements, elements.count == 1, let answer = elements[0].bytes { return .answered(answer) }
        switch reply.text {
        case "reserved": return .reserved
        case "busy": return .busy
        case "mismatch": return .mismatch
        case "full": throw .full
        default: throw Self.wrongShape
        }
    }

    public func complete(_ claim: IdempotencyClaim, with answer: ByteBuffer) async throws(IdempotencyError) -> Bool {
        precondition(answer.readableBytes <= IdempotencyLimits.answerBytes, "the answer is too large")
        let arguments = [claim.request, "\(claim.attempt)", Self.milliseconds(self.lifetimes.answer)] + self.bounds
        switch try await self.evaluate(.complete, claim.key, arguments, answer).integer {
        case 1: return true
        case 0: return false
        case -1: throw .full
        default: throw Self.wrongShape
        }
    }

    public func release(_ claim: IdempotencyClaim) async throws(IdempotencyError) {
        _ = try await self.evaluate(.release, claim.key, ["\(claim.attempt)", self.bounds[0]])
    }

    // MARK: - Redis

    private static var wrongShape: IdempotencyError { .refused("unexpected answer from a script") }

    private static func milliseconds(_ duration: Duration) -> String {
        "\(Int64(duration / .milliseconds(1)))"
    }

    /// The longest lifetime of a key, in milliseconds, and the most bytes of all keys.
    private var bounds: [String] {
        [Self.milliseconds(max(self.lifetimes.reservation, self.lifetimes.answer)), "\(self.maximumBytes)"]
    }

    private func evaluate(
        _ script: RedisScript,
        _ key: IdempotencyKey,
        _ arguments: [String],
        _ payload: ByteBuffer? = nil
    ) async throws(IdempotencyError) -> RESPValue {
        do throws(RedisScriptError) {
            let keys = ["\(self.hub):idem:\(key)", "\(self.hub):idem-bytes"]
            return try await self.runner.evaluate(script, keys: keys, arguments: arguments, payload: payload)
        } catch {
            switch error {
            case .unavailable(let reason): throw .unavailable(reason)
            case .refused(let reason): throw .refused(reason)
            }
        }
    }
}
