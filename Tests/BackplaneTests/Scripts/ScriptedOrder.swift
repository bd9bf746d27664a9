import NIOPosix
import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

/// A hub's order in a real Redis, and the parts of scripts that keep it, called one by one.
struct ScriptedOrder {
    /// What `observed` returns.
    struct Observation: Hashable {
        let position: Position
        let history: String
        let above: Int64
        let operation: Int64
        var isTotal = false
    }

    let server: RedisServer
    let head: String
    /// Milliseconds.
    var age = 300_000
    var history = ""
    var seen: Position?
    private let runner: RedisScriptRunner

    static func run(_ body: (inout ScriptedOrder) async throws -> Void) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await self.run(on: server, RedisConfiguration(url: server.url), body)
    }

    /// Of the default hub in a Redis that is there already.
    static func run(
        on server: RedisServer,
        _ configuration: RedisConfiguration,
        _ body: (inout ScriptedOrder) async throws -> Void
    ) async throws {
        let resolver = MasterResolver(
            configuration: configuration,
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        let runner = RedisScriptRunner(role: "test", resolver: resolver, logger: .quiet)
        runner.start()
        defer { runner.stop() }
        var order = ScriptedOrder(server: server, head: "\(RedisNames.standard.hub(.default)):head", runner: runner)
        guard await eventually({ (try? await order.observe()) != nil }) else { throw ScriptedLog.NotLinked() }
        server.command("FLUSHALL")
        try await body(&order)
    }

    private init(server: RedisServer, head: String, runner: RedisScriptRunner) {
        self.server = server
        self.head = head
        self.runner = runner
    }

    /// Runs `lua` after `enter`.
    /// - Parameter lane: without the prefix; nil for a script that may be repeated.
    func evaluate(_ lua: String, lane: String? = nil, sequence: Int = 0, previous: Int = 0) async throws -> RESPValue {
        let parts = [
            RedisScript.clock, RedisScript.logEntries, RedisScript.order, RedisScript.lostEpoch, RedisScript.trimming,
            RedisScript.topicLog,
            RedisScript.sessionLogs,
        ]
        let script = RedisScript(
            name: lua,
            source: parts.joined() + "local refused = enter() if refused then return refused end\n" + lua
        )
        return try await self.runner.evaluate(
            script,
            keys: [self.head],
            arguments: [
                self.history, self.seen.map { "\($0.epoch)" } ?? "", self.seen.map { "\($0.number)" } ?? "", "\(self.age)",
                lane.map { "op:\($0)" } ?? "", "\(sequence)", "\(previous)", "epoch--1", "1000", "1000000",
                "\(self.age + 3_600_000)", "1000000", "hub",
            ]
        )
    }

    func observe(lane: String? = nil) async throws -> Observation {
        try self.observation(await self.evaluate("return observed()", lane: lane))
    }

    /// Takes a number.
    func take() async throws -> Observation {
        try self.observation(await self.evaluate("take() save() return observed()"))
    }

    private func observation(_ answer: RESPValue) throws -> Observation {
        guard let parts = answer.elements, parts.count == 8, let epoch = parts[0].integer, let number = parts[1].integer,
            let history = parts[2].text, let above = parts[3].integer, let operation = parts[4].integer,
            let isTotal = parts[5].integer
        else { throw RedisScriptError.refused("\(answer)") }
        let position = Position(epoch: UInt64(epoch), number: UInt64(number))
        return Observation(position: position, history: history, above: above, operation: operation, isTotal: isTotal == 1)
    }

    /// An operation that takes a number.
    func execute(_ sequence: Int, after previous: Int = 0, lane: String = "node") async throws -> String {
        let lua = "local done = once() if done then return done end take() save() return 'executed'"
        return try await self.evaluate(lua, lane: lane, sequence: sequence, previous: previous).text ?? ""
    }

    /// Sets what a head says of its checks, so that the next script looks again.
    func isDue() { self.server.command("HSET", self.head, "checked", "0") }
}
