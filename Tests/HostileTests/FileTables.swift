import Foundation
import TestSupport
import Testing

extension HostileTables {
    /// Files of keys and certificates that are replaced by invalid ones while a node runs.
    @Suite
    struct FileTables {
        /// A shell command that creates something else at the path `$0`, which has been removed before.
        private static let changes: [(name: String, command: String)] = [
            ("gone", "true"), ("empty", ": > \"$0\""), ("a line end", "echo > \"$0\""),
            ("blanks", "printf '   \\n\\t\\n' > \"$0\""),
            ("a directory", "mkdir \"$0\""), ("a link to itself", "ln -s \"$0\" \"$0\""),
            ("a dangling link", "ln -s /nowhere/x \"$0\""),
            ("a link to a directory", "ln -s / \"$0\""), ("an endless device", "ln -s /dev/zero \"$0\""),
            ("endless random data", "ln -s /dev/urandom \"$0\""), ("an empty device", "ln -s /dev/null \"$0\""),
            ("a full device", "ln -s /dev/full \"$0\""), ("its own memory", "ln -s /proc/self/mem \"$0\""),
            ("its own environment", "ln -s /proc/self/environ \"$0\""), ("zeros", "head -c 4096 /dev/zero > \"$0\""),
            ("binary", "head -c 4096 /dev/urandom > \"$0\""),
            ("larger than allowed", "head -c 4000000 /dev/zero | tr '\\0' a > \"$0\""),
            ("a sparse file of 1 TB", "truncate -s 1T \"$0\""), ("UTF-16", "printf '\\377\\376a\\0b\\0' > \"$0\""),
            ("a byte order mark", "printf '\\357\\273\\277' > \"$0\""), ("JSON", "printf '{}' > \"$0\""),
            ("a list", "printf '[]' > \"$0\""),
            ("an empty key set", "printf '{\"keys\":[]}' > \"$0\""),
            (
                "a key set with a secret",
                "printf '{\"keys\":[{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}' > \"$0\""
            ),
            ("a deeply nested key set", "{ printf '{\"keys\":'; head -c 500000 /dev/zero | tr '\\0' '['; } > \"$0\""),
            ("half a certificate", "printf -- '-----BEGIN CERTIFICATE-----\\nMIIB' > \"$0\""),
            ("a short secret", "echo short > \"$0\""),
            ("a private key", "openssl ecparam -name prime256v1 -genkey -noout > \"$0\""),
            ("many lines", "yes '0123456789abcdef0123456789abcdef 0123' | head -n 20000 > \"$0\""),
            (
                "a hash with an unknown permission",
                "echo 62249369389075490555a758353aec61500c6218fa597252d52dc4bd0148f12d fly > \"$0\""
            ),
        ]

        private static let key = "correct-horse-battery"
        private static let line = "62249369389075490555a758353aec61500c6218fa597252d52dc4bd0148f12d read\n"

        @Test func `After SIGHUP every invalid file is named in the log, and the previous content stays in force`()
            async throws
        {
            let forge = try TokenForge()
            let certificate = try TestCertificate()
            let files = [try TemporaryFile(TokenForge.secret), try TemporaryFile(forge.keySet()), try TemporaryFile(Self.line)]
            let paths = files.map(\.path) + [certificate.certificate]
            let options = ["--jwt-key", paths[0], "--jwks", paths[1], "--api-keys", paths[2]]
            let claims = TokenCase.claims(
                now: Int(Date().timeIntervalSince1970),
                ["exp": "\(Int(Date().timeIntervalSince1970) + 3600)", "aud": nil]
            )
            let tokens = [
                try forge.token(TokenCase.hs256, claims, .secret), try forge.token(#"{"alg":"RS256","kid":"rsa"}"#, claims, .rsa),
            ]
            try await HostileNode.run(options, tls: certificate, headers: ["Authorization": "Bearer \(tokens[0])"]) { node in
                for (round, change) in Self.changes.enumerated() {
                    for path in paths {
                        try? FileManager.default.removeItem(atPath: path)
                        try Self.shell(change.command, path)
                    }
                    node.process.reload()
                    let isSaid = await eventually(within: .seconds(5)) { Self.refusals(node) == (round + 1) * paths.count }
                    #expect(isSaid, "\(change.name):\n\(node.process.output.suffix(3000))")
                    for credential in tokens + [Self.key] {
                        let http = HTTPTestClient(port: node.process.port, tls: node.process.tls)
                        let answer = try await http.request(
                            "GET",
                            "/api/nodes",
                            headers: ["authorization": "Bearer \(credential)"]
                        )
                        // The tokens contain no permission.
                        #expect(answer.status == (credential == Self.key ? 200 : 403), "\(change.name): \(answer.body)")
                    }
                    // At most ten lines of a kind are logged in a second; more would be summarized.
                    try await Task.sleep(for: .milliseconds(350))
                }
                #expect(!node.process.output.contains(TokenForge.secret))
            }
            for path in paths { try? FileManager.default.removeItem(atPath: path) }
        }

        /// The number of files that the log reports as refused.
        private static func refusals(_ node: HostileNode) -> Int {
            let output = node.process.output
            return output.matches(of: #/File not reloaded|Certificate not reloaded/#).count
        }

        private static func shell(_ command: String, _ path: String) throws {
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/bash")
            shell.arguments = ["-c", command, path]
            shell.standardError = FileHandle.nullDevice
            try shell.run()
            shell.waitUntilExit()
        }
    }
}
