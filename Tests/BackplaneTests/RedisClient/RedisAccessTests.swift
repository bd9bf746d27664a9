import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// TLS, and a user who may do no more than is needed.
@Suite(.timeLimit(.minutes(2)))
struct RedisAccessTests {
    /// The line that the page about security gives people.
    private static func user() throws -> [String] {
        let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
        let page = root.appendingPathComponent("Sources/Node/VolaryNode.docc/Security.md")
        let line = try String(contentsOf: page, encoding: .utf8).split(separator: "\n").first { $0.hasPrefix("user volary ") }
        return try #require(line).split(separator: " ").dropFirst().map(String.init)
    }

    /// Also what is called only where something has failed. `attempt` and `inPortions` hand on what they are given.
    @Test func `The page about security grants whatever scripts call`() throws {
        let granted = Set(try Self.user().map { String($0.prefix { $0 != "|" }) })
        for script in RedisScript.all + RedisScript.log + RedisScript.sessions {
            for match in script.source.matches(of: /(?:redis\.p?call|attempt|inPortions)\(([^,)]+)/) {
                guard !["...", "command"].contains(match.1) else { continue }
                let command = try #require(match.1.wholeMatch(of: /'([A-Z]+)'/), "\(match.0) of \(script.name)").1
                #expect(granted.contains("+\(command.lowercased())"), "\(command) of \(script.name)")
            }
        }
    }

    @Test func `The documented user is enough and what is taken from it is missed and comes back`() async throws {
        let user = try Self.user()
        let server = try RedisServer.start(arguments: RedisServer.administrator + ["--user"] + user)
        defer { server.stop() }
        let configuration = try RedisConfiguration(url: "redis://volary:PASSWORD@127.0.0.1:\(server.port)/1")
        try await BrokerKind.run([.redis(configuration), .redis(configuration)]) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            #expect(await nodes[0].publish("allowed") == .success(.relayed(receivers: 2)))
            #expect(server.administer("ACL", "SETUSER", "volary", "-@all") == "+OK\r\n")
            #expect(await eventually { nodes.allSatisfy { Self.reason($0).contains("NOPERM") } })
            #expect(await nodes[0].publish("withdrawn") == .success(.degraded(here: true)))
            #expect(server.administer("ACL", "SETUSER", "volary", "+@all") == "+OK\r\n")
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            #expect(await eventually { nodes[0].receiver.texts == ["allowed", "withdrawn"] })
        }
    }

    @Test func `A user that may not name its connections needs not to`() async throws {
        let user = try Self.user().map { $0 == "+client|setname" ? "-client" : $0 }
        let server = try RedisServer.start(arguments: RedisServer.administrator + ["--user"] + user)
        defer { server.stop() }
        let configuration = try RedisConfiguration(url: "redis://volary:PASSWORD@127.0.0.1:\(server.port)")
        try await BrokerKind.run([.redis(configuration)]) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            #expect(await eventually { nodes[0].broker.health.isUp })
            #expect(await nodes[0].publish("nameless") == .success(.relayed(receivers: 1)))
            #expect(server.administer("CLIENT", "LIST")?.contains("volary-") == false)
        }
    }

    /// Taking a refused message back out of the log needs rights that publishing does not.
    @Test func `The documented user leaves no refused message in the log`() async throws {
        let user = try Self.user()
        let server = try RedisServer.start(arguments: RedisServer.administrator + ["--user"] + user)
        defer { server.stop() }
        let configuration = try RedisConfiguration(url: "redis://volary:PASSWORD@127.0.0.1:\(server.port)")
        let keys = LogKeys(.all)
        try await BrokerKind.run([.redis(configuration)]) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            #expect(await nodes[0].publish("first") == .success(.relayed(receivers: 1)))
            let epoch = server.administer("HGET", keys.head, "epoch")
            #expect(server.administer("ACL", "SETUSER", "volary", "-spublish") == "+OK\r\n")
            #expect(await nodes[0].publish("refused") == .success(.degraded(here: true)))
            #expect(server.administer("XLEN", keys.log) == ":1\r\n")
            #expect(server.administer("ACL", "SETUSER", "volary", "+spublish") == "+OK\r\n")
            #expect(await eventually { server.administer("XLEN", keys.log) == ":2\r\n" && nodes[0].broker.health.isUp })
            #expect(server.administer("HGET", keys.head, "epoch") == epoch)
            #expect(nodes[0].receiver.texts == ["first", "refused"] && nodes[0].broker.health.gaps == 0)
        }
    }

    @Test(
        arguments: [
            (1, "127.0.0.1", true, nil), (1, "localhost", true, nil),
            (1, "127.0.0.2", true, "the server's certificate is for another host"),
            (-1, "127.0.0.1", true, "the server's certificate has expired"),
            (1, "127.0.0.1", false, "the server's certificate is not signed by a trusted authority"),
        ] as [(Int, String, Bool, String?)]
    )
    func `Certificates are checked`(days: Int, host: String, isTrusted: Bool, reason: String?) async throws {
        let certificate = try TestCertificate(days: days)
        let server = try RedisServer.start(arguments: ["--bind", "127.0.0.1", "127.0.0.2"], certificate: certificate)
        defer { server.stop() }
        var configuration = try RedisConfiguration(url: "rediss://\(host):\(try #require(server.tlsPort))")
        configuration.trustRootsFile = isTrusted ? certificate.certificate : nil
        try await BrokerKind.run([.redis(configuration)]) { nodes in
            #expect(
                await eventually { reason.map { $0 == Self.reason(nodes[0]) } ?? nodes[0].broker.health.isUp },
                "\(nodes[0].broker.health)"
            )
            guard reason == nil else { return }
            try await nodes[0].broker.subscribe(to: .all)
            #expect(await nodes[0].publish("secret") == .success(.relayed(receivers: 1)))
        }
    }

    @Test
    func `Authorities are read as editors write them: a byte order mark, CRLF, spaces at the ends of lines`() async throws {
        let certificate = try TestCertificate()
        let server = try RedisServer.start(arguments: [], certificate: certificate)
        defer { server.stop() }
        let pem = try String(contentsOfFile: certificate.certificate, encoding: .utf8)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("volary-ca-\(UUID().uuidString)")
        try Data("\u{FEFF}\(pem.replacing("\n", with: " \r\n"))".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var configuration = try RedisConfiguration(url: "rediss://127.0.0.1:\(try #require(server.tlsPort))")
        configuration.trustRootsFile = file.path
        try await BrokerKind.run([.redis(configuration)]) { nodes in
            #expect(await eventually(within: .seconds(10)) { nodes[0].broker.health.isUp }, "\(nodes[0].broker.health)")
        }
    }

    private static func reason(_ endpoint: BrokerEndpoint) -> String {
        if case .down(let reason) = endpoint.broker.health.state { reason } else { "" }
    }
}
