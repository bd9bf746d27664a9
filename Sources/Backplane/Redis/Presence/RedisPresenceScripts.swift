import VolaryProtocol

/// Runs the scripts of the presence store.
struct RedisPresenceScripts: Sendable {
    typealias Call = (script: RedisScript, keys: [String], arguments: [String])

    /// Calls that are sent at the same time: 64. Each is short, so that other commands have their turn in Redis.
    private static let concurrentCalls = 64
    /// The most hubs in the arguments of one call.
    static let hubsPerCall = 1000

    let runner: RedisScriptRunner

    func evaluate(
        _ script: RedisScript,
        _ keys: [String],
        _ arguments: [String]
    ) async throws(PresenceError) -> RESPValue {
        try await self.result((script, keys, arguments)).get()
    }

    /// Runs scripts at the same time.
    /// - Returns: the replies, in the order of the calls.
    func evaluate(_ calls: [Call]) async throws(PresenceError) -> [RESPValue] {
        var replies: [RESPValue] = []
        var rest = calls[...]
        while !rest.isEmpty {
            let some = rest.prefix(Self.concurrentCalls)
            rest.removeFirst(some.count)
            let results = await withTaskGroup(of: (Int, Result<RESPValue, PresenceError>).self) { group in
                for (index, call) in some.enumerated() {
                    let (script, keys, arguments) = call
                    group.addTask { (index, await self.result((script, keys, arguments))) }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for index in 0..<some.count { if let result = results[index] { replies.append(try result.get()) } }
        }
        return replies
    }

    /// For `async let`, which forgets the type of an error.
    func result(_ call: Call) async -> Result<RESPValue, PresenceError> {
        do throws(RedisScriptError) {
            return .success(try await self.runner.evaluate(call.script, keys: call.keys, arguments: call.arguments))
        } catch {
            switch error {
            case .unavailable(let reason): return .failure(.unavailable(reason))
            case .refused(let reason): return .failure(.refused(reason))
            }
        }
    }
}
