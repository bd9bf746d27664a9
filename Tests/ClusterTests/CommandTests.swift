import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// The commands of the program beside `serve`.
    @Suite
    struct CommandTests {
        private static let key = String(repeating: "k", count: 32)

        private func withNode(
            _ options: [String] = [],
            environment: [String: String] = [:],
            _ body: (VolaryProcess, _ url: [String]) async throws -> Void
        ) async throws {
            let process = try await VolaryProcess.start(options, environment: environment)
            try await body(process, ["--url", "http://127.0.0.1:\(process.port)"])
            process.kill()
        }

        @Test
        func `check-config says that a configuration is valid, names variables that set nothing, and refuses what serve refuses`()
            async throws
        {
            let valid = try await VolaryProcess.run(["check-config", "--lease", "5s"], environment: ["VOLARY_PROT": "8081"])
            #expect(valid.status == 0 && valid.output == "The configuration is valid.\n")
            #expect(valid.errors == "volary: VOLARY_PROT sets nothing; did you mean VOLARY_PORT?\n")
            let wrong = try await VolaryProcess.run(["check-config", "--jwt-key", "/nowhere"])
            #expect(wrong.status == 78 && wrong.output.isEmpty)
            #expect(wrong.errors.hasPrefix("volary: --jwt-key \"/nowhere\": there is no"), "\(wrong.errors)")
        }

        @Test
        func `config shows each option with its source, and no secret`() async throws {
            let file = try TemporaryFile(#"{"max-message": "2MiB"}"#)
            let shown = try await VolaryProcess.run(
                ["config", "--config", file.path, "--lease", "7s"],
                environment: [
                    "VOLARY_REDIS": "redis+sentinel://jane:s3cret@localhost,[::1]:1/main?sentinel_password=s3cret",
                    "VOLARY_API_KEY": Self.key,
                ]
            )
            #expect(shown.status == 0, "\(shown.errors)")
            let lines = shown.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(lines.contains(["lease", "7s", "flag"]))
            #expect(lines.contains(["max-message", "2MiB", file.path]))
            #expect(lines.contains(["api-key", "***", "VOLARY_API_KEY"]))
            #expect(lines.contains(["redis", "redis+sentinel://***@localhost,[::1]:1/main?***", "VOLARY_REDIS"]))
            #expect(lines.contains(["host", "127.0.0.1", "default"]))
            #expect(lines.contains(["threads", "-", "default"]))
            for secret in ["s3cret", "jane", Self.key] { #expect(!shown.output.contains(secret)) }
        }

        @Test
        func `health is 0 for a node that is ready, and 1 with a reason where there is none`() async throws {
            try await self.withNode { process, url in
                for path in [[], ["/livez"]] {
                    let health = try await VolaryProcess.run(["health"] + path + url)
                    #expect(health.status == 0 && health.output.isEmpty && health.errors.isEmpty, "\(health)")
                }
                let byVariable = try await VolaryProcess.run(["health"], environment: ["VOLARY_PORT": "\(process.port)"])
                #expect(byVariable.status == 0, "\(byVariable.errors)")
            }
            let lonely = try await VolaryProcess.start(["--redis", "redis://127.0.0.1:1"], until: .live)
            let url = ["--url", "http://127.0.0.1:\(lonely.port)"]
            let notReady = try await VolaryProcess.run(["health"] + url)
            #expect(notReady.status == 1 && notReady.errors.hasPrefix("volary: /readyz answers 503: "), "\(notReady.errors)")
            #expect(try await VolaryProcess.run(["health", "/livez"] + url).status == 0)
            lonely.kill()
            let gone = try await VolaryProcess.run(["health"] + url)
            #expect(gone.status == 1 && gone.errors.hasPrefix("volary: no answer from http://127.0.0.1:"), "\(gone.errors)")
            #expect(try await VolaryProcess.run(["health", "/metrics"] + url).status == 64)
        }

        @Test
        func `health asks a node with TLS under the address of its machine`() async throws {
            let certificate = try TestCertificate()
            let process = try await VolaryProcess.start([], tls: certificate)
            let variables = ["VOLARY_PORT": "\(process.port)", "VOLARY_TLS_CERTIFICATE": certificate.certificate]
            #expect(try await VolaryProcess.run(["health"], environment: variables).status == 0)
            // With a URL of its own the certificate counts.
            let url = ["--url", "https://127.0.0.1:\(process.port)"]
            let strict = try await VolaryProcess.run(["health"] + url)
            #expect(strict.status == 1, "\(strict.errors)")
            #expect(try await VolaryProcess.run(["health", "--ca", certificate.certificate] + url).status == 0)
        }

        @Test
        func `nodes and send need a key where REST does, and show what REST answers`() async throws {
            let options = ["--node-name", "alpha", "--anonymous-clients"]
            try await self.withNode(options, environment: ["VOLARY_API_KEY": Self.key]) { process, url in
                let refused = try await VolaryProcess.run(["nodes"] + url)
                #expect(refused.status == 1 && refused.errors.hasPrefix("volary: 401 "), "\(refused.errors)")
                let variables = ["VOLARY_API_KEY": Self.key]
                let nodes = try await VolaryProcess.run(["nodes"] + url, environment: variables)
                let rows = nodes.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                #expect(nodes.status == 0 && rows.count == 2, "\(nodes)")
                #expect(rows[1][0] == "alpha" && rows[1][2...3] == ["live", "0"], "\(rows)")

                let client = try await WebSocketTestClient.connect(port: process.port)
                let sent = try await VolaryProcess.run(["send", "Grüße"] + url, environment: variables)
                #expect(sent.status == 0 && sent.output.contains(#""recipients":1"#), "\(sent)")
                guard case .text(let text) = try await client.next() else {
                    Issue.record("no message")
                    return
                }
                #expect(text.contains(#""message":"Grüße""#))
                let group = try await VolaryProcess.run(["send", "x", "--group", "/staff a"] + url, environment: variables)
                #expect(group.status == 0 && group.output.contains(#""recipients":0"#), "\(group)")
                let lost = ["send", "x", "--connection", String(repeating: "0", count: 32)]
                let unknown = try await VolaryProcess.run(lost + url, environment: variables)
                #expect(unknown.status == 1 && unknown.errors.hasPrefix("volary: 404 "), "\(unknown.errors)")
                #expect(try await VolaryProcess.run(["send", "x", "--group", "a", "--user", "b"] + url).status == 64)
            }
        }

        @Test
        func `token verify shows whom a token stands for, or why a node refuses it`() async throws {
            let key = try TemporaryFile(Self.key)
            let other = try TemporaryFile(String(repeating: "o", count: 32))
            let token = try await TestToken.mint(key, user: "alice", ["--group", "staff", "--permission", "broadcast"])
            let good = try await VolaryProcess.run(["token", "verify", token, "--jwt-key", key.path])
            #expect(good.status == 0, "\(good.errors)")
            let lines = good.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(lines.prefix(3) == [["user", "alice"], ["groups", "staff"], ["permissions", "broadcast"]])
            #expect(lines.count == 4 && lines[3][0] == "expires")
            let refused = try await VolaryProcess.run(["token", "verify", token, "--jwt-key", other.path])
            #expect(refused.status == 1)
            #expect(refused.errors == "volary: The token is not signed with a key that this node accepts.\n")
            let none = try await VolaryProcess.run(["token", "verify", token])
            #expect(none.status == 1 && none.errors.contains("--jwt-key or --jwks"), "\(none.errors)")
        }
    }
}
