import NIOCore
import NIOPosix
import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

/// One topic's log in a real Redis, and the scripts that keep it, called one by one.
struct ScriptedLog {
    struct NotLinked: Error {}

    /// What publishing answers.
    struct Place: Hashable {
        var epoch: String
        var offset: Int64
    }

    let server: RedisServer
    let keys: LogKeys
    var count = 10_000
    var bytes = 8 * 1024 * 1024
    /// Milliseconds.
    var age = 300_000
    private let runner: RedisScriptRunner

    static func run(_ body: (inout ScriptedLog) async throws -> Void) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await self.run(on: server, .all, body)
    }

    /// Of a topic in a Redis that is there already.
    static func run(on server: RedisServer, _ topic: Topic, _ body: (inout ScriptedLog) async throws -> Void) async throws {
        let watch = MasterResolver(
            configuration: try RedisConfiguration(url: server.url),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        let runner = RedisScriptRunner(role: "test", resolver: watch, logger: .quiet)
        runner.start()
        defer { runner.stop() }
        var log = ScriptedLog(server: server, topic: topic, runner: runner)
        guard await eventually({ (try? await log.read()) != nil }) else { throw NotLinked() }
        try await body(&log)
    }

    private init(server: RedisServer, topic: Topic, runner: RedisScriptRunner) {
        self.server = server
        self.keys = LogKeys(topic)
        self.runner = runner
    }

    // MARK: - Scripts

    /// - Parameter epoch: to begin when there is none, 8 characters.
    func publish(_ envelope: String, epoch: String = "epoch--1") async throws -> Place {
        let answer = try await self.runner.evaluate(
            .publish,
            keys: self.keys.ordered,
            arguments: ["", "", "", "\(self.age)", "", "1", "0"] + self.bounds(epoch) + ["", self.keys.channel, envelope]
        )
        guard case .confirmed(_, let position?, _) = PublishAnswer(answer) else { throw RedisScriptError.refused("\(answer)") }
        let head = self.server.values(of: self.keys.head, ["epoch", "offset", "last"])
        guard head[2] == "\(position.number)", let epoch = head[0], let offset = head[1].flatMap(Int64.init), offset > 0 else {
            return Place(epoch: "", offset: 0)
        }
        return Place(epoch: epoch, offset: offset)
    }

    /// The arguments of a script that appends to a log, see ``RedisScript/topicLog``, but for the kind of the topic.
    private func bounds(_ epoch: String) -> [String] {
        [epoch, "\(self.count)", "\(self.bytes)", "\(self.age + 3_600_000)", "0"]
    }

    func publish(_ numbers: ClosedRange<Int>, epoch: String = "epoch--1") async throws {
        for number in numbers { _ = try await self.publish("\(number)", epoch: epoch) }
    }

    /// - Parameters:
    ///   - epoch: what the reader followed; empty for none.
    ///   - offset: the first that it wants, or `last`.
    func read(
        epoch: String = "",
        from offset: String = "1",
        entries: Int = 100_000,
        bytes: Int = LogPage.bytes,
        largest: Int = Limits.maximumEnvelopeBytes
    ) async throws -> LogPage {
        let answer = try await self.runner.evaluate(
            .readLog,
            keys: self.keys.ordered,
            arguments: [epoch, offset, "0", "\(entries)", "\(bytes)", "\(largest)"]
        )
        guard let page = LogPage(answer) else { throw RedisScriptError.refused("\(answer)") }
        return page
    }

    func endEpoch(_ epoch: String, next: String) async throws -> Int64? {
        try await self.runner.evaluate(.endEpoch, keys: self.keys.all, arguments: [epoch, next, "3600000"]).integer
    }

    func identify(_ name: String) async throws -> String? {
        let arguments = ["", "", "", "\(self.age)", "", "0", "0", name]
        let answer = try await self.runner.evaluate(.identify, keys: HubStoreKeys.standard.identity, arguments: arguments)
        return StoreIdentity(answer)?.name
    }

    // MARK: - What Redis holds, asked without them

    var length: Int? { self.integer("XLEN", self.keys.log) }
    var hasLog: Bool { self.integer("EXISTS", self.keys.log) == 1 }
    /// How often entries have been looked for that are to be forgotten.
    var trims: Int {
        self.server.info("commandstats").firstMatch(of: /cmdstat_xtrim:calls=(\d+)/).flatMap { Int($0.1) } ?? 0
    }
    var hasHead: Bool { self.integer("EXISTS", self.keys.head) == 1 }

    /// The end of a line is one character.
    func integer(_ command: String...) -> Int? {
        self.server.command(command).flatMap { Int($0.dropFirst().dropLast()) }
    }

    /// Makes the entries, and the last look for old ones, older than they are. Their places stay.
    /// - Returns: whether Redis has done it.
    func makeOlder(by milliseconds: Int) -> Bool {
        let script = """
            local entries, life = redis.call('XRANGE', KEYS[1], '-', '+'), redis.call('PTTL', KEYS[1])
            redis.call('DEL', KEYS[1])
            for _, entry in ipairs(entries) do
                entry[2][2] = entry[2][2] - ARGV[1]
                redis.call('XADD', KEYS[1], entry[1], unpack(entry[2]))
            end
            redis.call('PEXPIRE', KEYS[1], life)
            redis.call('HINCRBY', KEYS[2], 'checked', -ARGV[1])
            return 1
            """
        return self.server.command("EVAL", script, "2", self.keys.log, self.keys.head, "\(milliseconds)") == ":1\r\n"
    }
}

extension RedisServer {
    /// Fields of a hash. Values are single lines.
    func values(of key: String, _ fields: [String]) -> [String?] {
        fields.map { field in
            guard let answer = self.command("HGET", key, field), answer.hasPrefix("$"), answer != "$-1\r\n" else { return nil }
            return answer.split(separator: "\r\n").dropFirst().first.map(String.init)
        }
    }
}

extension LogPage {
    var texts: [String] { self.entries.map { String(buffer: $0.bytes) } }
    var offsets: [UInt64] { self.entries.map(\.offset) }
}

extension LogPage.Head {
    /// The epoch as ``ScriptedLog`` names it.
    var name: String {
        var bytes = ByteBuffer()
        bytes.writeInteger(self.epoch)
        return String(buffer: bytes)
    }
}
