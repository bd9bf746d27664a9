import Foundation

/// A master, two replicas and three sentinels that watch them: real processes on loopback ports, with their own directory. All
/// end with the last reference, and with the test process.
///
/// Sentinels consider a server down that has not answered for half a second, and the first one then holds an election. A dead master
/// is replaced about 1.5 s later. In a planned failover the old master stays a master for some ten seconds: see ``failOver()``.
///
/// ```swift
/// let redis = try await SentinelCluster.start()
/// defer { redis.stop() }
/// let node = try await VolaryProcess.start(["--redis", redis.url])
/// let old = try redis.master                    // a RedisServer: kill(), freeze(), thaw(), restart(), command(…)
/// old.kill()
/// let new = try await redis.newMaster(after: old)
/// ```
public final class SentinelCluster: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// The sentinels' name for the master.
    public static let name = "volary-test"

    /// The first one starts as the master.
    public let servers: [RedisServer]
    public let sentinels: [SentinelServer]
    private let password: String?
    private let sentinelPassword: String?
    private let directory: URL

    /// Returns when sentinels, replicas and the master know each other, so that a failover is possible at once.
    /// - Parameters:
    ///   - password: of the servers and of the sentinels; nil for none.
    ///   - sentinelPassword: of the sentinels, if it differs.
    ///   - arguments: further ones for every redis-server.
    public static func start(
        password: String? = nil,
        sentinelPassword: String? = nil,
        arguments: [String] = []
    ) async throws -> SentinelCluster {
        let directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent(
            "volary-sentinel-\(UUID().uuidString)"
        )
        let cluster: SentinelCluster
        do {
            cluster = try SentinelCluster(
                directory: directory,
                password: password,
                sentinelPassword: sentinelPassword,
                arguments: arguments
            )
        } catch {
            try? FileManager.default.removeItem(at: directory)
            throw error
        }
        let isFormed = await eventually(within: .seconds(30)) {
            cluster.sentinels.allSatisfy { cluster.field("num-other-sentinels", of: $0) == "2" }
                && cluster.sentinels.allSatisfy { cluster.field("num-slaves", of: $0) == "2" }
                && cluster.servers[0].info("replication").contains("connected_slaves:2")
        }
        guard isFormed else { throw Failure(description: "the sentinels did not find each other") }
        return cluster
    }

    private init(directory: URL, password: String?, sentinelPassword: String?, arguments: [String]) throws {
        self.directory = directory
        self.password = password
        self.sentinelPassword = sentinelPassword ?? password
        let secret = password.map { ["--requirepass", $0, "--masterauth", $0] } ?? []
        var servers: [RedisServer] = []
        for number in 0..<3 {
            let own = directory.appendingPathComponent("redis-\(number)")
            try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
            let role = servers.first.map { ["--replicaof", "127.0.0.1 \($0.port)"] } ?? []
            servers.append(
                try RedisServer.start(
                    arguments: ["--dir", own.path, "--repl-diskless-sync-delay", "0"] + role + secret + arguments,
                    password: password
                )
            )
        }
        self.servers = servers
        let name = Self.name
        var lines = [
            "sentinel down-after-milliseconds \(name) 500",
            // Twice this value is also how long an unfinished failover delays the next one.
            "sentinel failover-timeout \(name) 3000",
            "sentinel parallel-syncs \(name) 2",
        ]
        if let password { lines.append("sentinel auth-pass \(name) \(password)") }
        if let own = self.sentinelPassword { lines += ["requirepass \(own)", "sentinel sentinel-pass \(own)"] }
        self.sentinels = try (0..<3).map { number in
            // The others vote, but never agree among themselves that the master is down: two elections at once, each with a winner,
            // would replace the master twice.
            let quorum = number == 0 ? 2 : 4
            return try SentinelServer(
                in: directory,
                lines: ["sentinel monitor \(name) 127.0.0.1 \(servers[0].port) \(quorum)"] + lines
            )
        }
    }

    deinit {
        self.stop()
        try? FileManager.default.removeItem(at: self.directory)
    }

    /// The URL for `--redis`.
    public var url: String { self.url(sentinels: self.sentinels.map(\.port)) }

    /// A URL with these sentinels: fewer, in another order, or others that do not exist.
    public func url(sentinels ports: [Int]) -> String {
        let user = self.password.map { ":\($0)@" } ?? ""
        return "redis+sentinel://\(user)\(ports.map { "127.0.0.1:\($0)" }.joined(separator: ","))/\(Self.name)"
    }

    public func stop() {
        for sentinel in self.sentinels { sentinel.kill() }
        for server in self.servers { server.kill() }
    }

    // MARK: - The master

    /// The server that at least two sentinels report.
    public var master: RedisServer {
        get throws {
            var votes: [String: Int] = [:]
            for sentinel in self.sentinels {
                let answer = self.ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.name)
                if let port = answer?.split(separator: "\r\n").last { votes[String(port), default: 0] += 1 }
            }
            guard let port = votes.first(where: { $0.value >= 2 })?.key,
                let server = self.servers.first(where: { "\($0.port)" == port })
            else { throw Failure(description: "the sentinels do not agree: \(votes)") }
            return server
        }
    }

    /// Waits until the sentinels agree on another master.
    public func newMaster(after old: RedisServer, within deadline: Duration = .seconds(30)) async throws -> RedisServer {
        let isReplaced = await eventually(within: deadline) { (try? self.master).map { $0 !== old } ?? false }
        guard isReplaced else { throw Failure(description: "no other master was chosen") }
        return try self.master
    }

    /// Starts a planned failover. A replica is the master about a second later. The old master learns of it some ten seconds
    /// after that; until then it serves connected clients, and then it disconnects all of them.
    public func failOver() throws {
        let answer = self.ask(self.sentinels[0], "SENTINEL", "FAILOVER", Self.name)
        guard answer == "+OK\r\n" else { throw Failure(description: "no failover: \(answer ?? "no answer")") }
    }

    // MARK: - Queries

    private func ask(_ sentinel: SentinelServer, _ arguments: String...) -> String? {
        RedisServer.exchange(arguments, port: sentinel.port, login: self.sentinelPassword.map { [$0] })
    }

    /// A field of a sentinel's answer about the master.
    private func field(_ name: String, of sentinel: SentinelServer) -> String? {
        let lines = self.ask(sentinel, "SENTINEL", "MASTER", Self.name)?.split(separator: "\r\n") ?? []
        guard let index = lines.firstIndex(of: Substring(name)), index + 2 < lines.count else { return nil }
        return String(lines[index + 2])
    }
}
