import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// Configuration of the program.
    @Suite
    struct ConfigurationTests {
        private static let exitConfig = 78

        /// Runs a program that must not start.
        private func expectRefusal(
            _ arguments: [String],
            environment: [String: String] = [:],
            names parts: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let (status, output, errors) = try await VolaryProcess.run(arguments, environment: environment)
            let note: Comment = "\(arguments) \(environment): \(status) \(errors) \(output)"
            #expect(status == Self.exitConfig, note, sourceLocation: sourceLocation)
            #expect(errors.hasSuffix("\n"), note, sourceLocation: sourceLocation)
            #expect(errors.dropLast().filter(\.isNewline).isEmpty, note, sourceLocation: sourceLocation)
            #expect(output.isEmpty, note, sourceLocation: sourceLocation)
            for part in parts { #expect(errors.contains(part), note, sourceLocation: sourceLocation) }
        }

        /// One that lies just outside what is allowed, and one that is of the wrong kind, for each option.
        private static let wrongValues: [(option: String, values: [String])] = [
            ("port", ["65536", "-1", "http", "80.0", ""]),
            ("node-name", ["two words", "", "ü", String(repeating: "n", count: 65)]),
            ("threads", ["0", "257", "many"]),
            ("redis-prefix", ["", "a:b", String(repeating: "p", count: 65)]),
            ("lease", ["999ms", "301s", "5", "five seconds", "-5s"]),
            ("delivery", ["at-least-once", "off"]),
            ("history-messages", ["15", "1000001", "x"]),
            ("history-bytes", ["63KiB", "33MiB", "x"]),
            ("history-idle-bytes", ["1023KiB", "1048577MiB", "x"]),
            ("idempotency-bytes", ["1023KiB", "1048577MiB", "x"]),
            ("trace-bytes", ["63KiB", "1025MiB", "0"]),
            ("canary-interval", ["99ms", "61s", "x"]),
            ("history-age", ["999ms", "2h", "x"]),
            ("announcements-per-second", ["-1", "1001", "none"]),
            ("max-message", ["0", "17MiB", "1MB"]),
            ("max-record", ["1023", "17MiB", "x"]),
            ("signalr-keep-alive", ["999ms", "3601s", "off"]),
            ("signalr-client-timeout", ["999ms", "7201s", "off"]),
            ("signalr-handshake-timeout", ["999ms", "601s", "off"]),
            ("hub-streams", ["0", "10001", "off"]),
            ("hub-client-results", ["0", "10001", "off"]),
            ("max-unsent", ["63KiB", "257MiB", "x"]),
            ("ping-interval", ["999ms", "3601s", "30"]),
            ("close-timeout", ["99ms", "61s", "x"]),
            ("max-frames", ["0", "1000001", "many"]),
            ("message-timeout", ["999ms", "3601s", "off"]),
            ("max-unsent-age", ["999ms", "601s", "off"]),
            ("client-idle-timeout", ["999ms", "86401s", "never"]),
            ("message-rate", ["0", "1000001", "1/s"]),
            ("byte-rate", ["1023", "513MiB", "1KB"]),
            ("over-rate", ["wait", "DROP"]),
            ("hub-connections", ["0", "1000001", "all"]),
            ("hub-message-rate", ["0", "1000001", "1/s"]),
            ("hub-byte-rate", ["1023", "513MiB", "1KB"]),
            ("hub-storage", ["1023KiB", "1048577MiB", "1MB"]),
            ("max-connections", ["0", "1000001", "off"]),
            ("max-connections-per-address", ["0", "1000001", "all"]),
            ("trusted-proxies", ["10.0.0.0/33", "10.0.0.1/8", "localhost"]),
            ("forwarded-header", ["x-real-ip", "Forwarded"]),
            ("proxy-protocol", ["v2", "on"]),
            ("max-header-fields", ["9", "1001"]),
            ("body-timeout", ["999ms", "601s"]),
            ("max-requests", ["0", "100001"]),
            ("max-forwarded", ["0", "100001"]),
            ("max-body", ["1023", "65MiB", "x"]),
            ("max-header", ["1023", "2MiB", "x"]),
            ("handshake-timeout", ["99ms", "61s", "x"]),
            ("idle-timeout", ["999ms", "2h", "x"]),
            ("drain-delay", ["301s", "x"]),
            ("drain-timeout", ["99ms", "601s", "x"]),
            ("log-level", ["loud", "INFO"]),
            ("log-format", ["xml", "JSON"]),
            ("config", ["/nonexistent/volary.json"]),
        ]

        @Test
        func `A wrong value of any option stops the start: exit 78, and one line with the option and the value`() async throws {
            for (option, values) in Self.wrongValues {
                for value in values {
                    // In one word, as some begin with a dash; but an empty one in a word is no value at all.
                    let arguments = value.isEmpty ? ["--\(option)", value] : ["--\(option)=\(value)"]
                    try await self.expectRefusal(arguments, names: ["--\(option)", "\"\(value)\""])
                }
            }
            try await self.expectRefusal(["--host", ""], names: ["--host"])
        }

        @Test(
            arguments: ["--prot=80", "--port", "--port="]
        )
        func `An option that there is not, or without its value, is a wrong use: exit 64`(_ argument: String) async throws {
            let (status, output, errors) = try await VolaryProcess.run([argument])
            #expect(status == 64)
            #expect(errors.contains(argument.prefix { $0 != "=" }))
            #expect(output.isEmpty)
        }

        @Test
        func `A wrong value in the environment is refused in the same way`() async throws {
            // One for each is enough: what is allowed is looked at in one place.
            for (option, values) in Self.wrongValues {
                let value = try #require(values.first { !$0.isEmpty })
                let variable = "VOLARY_" + option.uppercased().replacing("-", with: "_")
                try await self.expectRefusal([], environment: [variable: value], names: ["volary: \(variable) \"\(value)\": "])
            }
        }

        @Test
        func `An empty name of a file counts as absent, as empty options do`() async throws {
            try await self.expectRefusal(
                ["--port", "65536"],
                environment: ["VOLARY_CONFIG": ""],
                names: ["--port", "\"65536\""]
            )
        }

        @Test
        func `A wrong Redis address is refused, and neither its user nor its password is shown`() async throws {
            let wrong = [
                "http://jane:s3cret@localhost", "redis://jane:s3cret@localhost:0", "redis://jane:s3cret@:6379",
                "redis://jane:s3cret@localhost/x", "redis://jane:s3cret@localhost/0?x=1", "redis://jane:s3cret%zz@localhost",
                "redis://jane:s3cret@host@ name", "jane:s3cret@localhost", "redis://jane:s3cret", "redis://s3cret@localhost",
            ]
            for url in wrong {
                for (arguments, environment, name) in [
                    (["--redis", url], [:], "--redis"), ([], ["VOLARY_REDIS": url], "VOLARY_REDIS"),
                ] {
                    let (status, output, errors) = try await VolaryProcess.run(arguments, environment: environment)
                    #expect(status == Self.exitConfig, "\(url)")
                    #expect(errors.hasPrefix("volary: \(name): "), "\(errors)")
                    #expect(errors.filter(\.isNewline).count == 1, "\(errors)")
                    for secret in ["s3cret", "jane"] { #expect(!(output + errors).contains(secret), "\(errors)") }
                }
            }
        }

        @Test
        func `A good Redis address with a password does not show it in the log`() async throws {
            let redis = try RedisServer.start(arguments: ["--requirepass", "s3cret"])
            let process = try await VolaryProcess.start(
                ["--redis", "redis://:s3cret@127.0.0.1:\(redis.port)", "--log-level", "trace"]
            )
            #expect(await process.terminate(within: .seconds(10)) == 0)
            #expect(!process.output.isEmpty)
            #expect(!process.output.contains("s3cret"))
        }

        @Test
        func `Flags go before the environment, the environment before the file, the file before the default`() async throws {
            try await self.withFile(#"{"node-name": "of-file", "max-message": 1024, "announcements-per-second": "off"}"#) {
                path in
                let steps: [(flags: [String], environment: [String: String], name: String)] = [
                    (["--config", path, "--node-name", "of-flag"], ["VOLARY_NODE_NAME": "of-environment"], "of-flag"),
                    (["--config", path], ["VOLARY_NODE_NAME": "of-environment"], "of-environment"),
                    (["--config", path], ["VOLARY_NODE_NAME": ""], "of-file"),
                    ([], ["VOLARY_CONFIG": path], "of-file"),
                ]
                for (flags, environment, name) in steps {
                    let process = try await VolaryProcess.start(flags, environment: environment)
                    let node = TestNode(name: name, process: process)
                    #expect(try await node.get("/api/nodes", as: NodeList.self).answeredBy == name)
                    let client = try await node.connect()
                    try? await client.send([UInt8](repeating: 1, count: 1025))
                    #expect(await client.closed() == 1009)
                    process.kill()
                }
                let process = try await VolaryProcess.start([])
                let byDefault = TestNode(name: "", process: process)
                #expect(try await byDefault.get("/api/nodes", as: NodeList.self).answeredBy.hasSuffix("-\(process.port)"))
            }
        }

        @Test
        func `A file that is no object of options is refused: its name, the line and the column, and what is wrong there`()
            async throws
        {
            let wrong = [
                ("", "line 1, column 1: "), ("port: 8080\n", "YAML"), ("{\n  \"prot\": 8080\n}", "line 2, column 3: \"prot\""),
                ("{\"port\": 8080,\n \"port\": 8081}", "line 2, column 2: \"port\" appears twice"),
                (#"{"port": true}"#, "column 10: \"port\""), (#"{"lease": 5}"#, "\"lease\" \"5\": "),
                (#"{"port": "x"}"#, "\"port\" \"x\": "),
            ]
            for (text, part) in wrong {
                try await self.withFile(text) { path in
                    try await self.expectRefusal(["--config", path], names: [path, part])
                }
            }
            let environment = ["VOLARY_CONFIG": "/nowhere"]
            try await self.expectRefusal([], environment: environment, names: ["VOLARY_CONFIG \"/nowhere\": there is no"])
        }

        @Test
        func `Switches in the file may be true or false`() async throws {
            try await self.withFile(#"{"host": "0.0.0.0", "insecure": true, "compression": false}"#) { path in
                let process = try await VolaryProcess.start(["--config", path])
                #expect(await process.terminate(within: .seconds(10)) == 0)
            }
        }

        @Test
        func `--help lists the options in the groups of the page about configuration, in its order`() async throws {
            let help = try await VolaryProcess.run(["serve", "--help"], environment: ["COLUMNS": "200"])
            var groups: [(title: String, options: [String])] = []
            for line in help.output.split(separator: "\n") {
                if let title = line.wholeMatch(of: /([A-Z ]+):/)?.1 { groups.append((String(title), [])) }
                if let option = line.prefixMatch(of: #/  --([\w-]+)/#)?.1, !groups.isEmpty {
                    groups[groups.count - 1].options.append(String(option))
                }
            }
            groups.removeAll { $0.title == "OPTIONS" }
            let page = try Self.pageGroups()
            #expect(page.count > 3)
            #expect(groups.map(\.title) == page.map { $0.title.uppercased() })
            #expect(groups.map(\.options) == page.map(\.options))
        }

        /// Rows of the tables of options under the headings of their groups.
        private static func pageGroups() throws -> [(title: String, options: [String])] {
            let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../..").standardized
            let file = root.appendingPathComponent("Sources/Node/VolaryNode.docc/Configuration.md")
            var groups: [(title: String, options: [String])] = []
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                if let title = line.wholeMatch(of: /### ([\w ]+)/)?.1 { groups.append((String(title), [])) }
                guard line.hasPrefix("| `--"), let cell = line.split(separator: "|").first, !groups.isEmpty else { continue }
                groups[groups.count - 1].options += cell.matches(of: /`--([\w-]+)`/).map { String($0.1) }
            }
            return groups
        }

        @Test(
            arguments: ["run", "start", "8080"]
        )
        func `volary version shows what --version does, and what is no command suggests serve`(_ word: String) async throws {
            let version = try await VolaryProcess.run(["version"])
            #expect(version.status == 0)
            #expect(version.output == (try await VolaryProcess.run(["--version"]).output))
            let (status, output, errors) = try await VolaryProcess.run([word, "--port", "0"])
            #expect(status == 64 && output.isEmpty)
            #expect(errors.contains("Unknown command '\(word)'") && errors.contains("volary serve"), "\(errors)")
        }

        @Test
        func `A token needs a key: a wrong use; what its options may not be is named: 78`() async throws {
            let none = try await VolaryProcess.run(["token", "--user", "alice"])
            #expect(none.status == 64 && none.errors.contains("--jwt-key or VOLARY_JWT_KEY is missing"), "\(none.errors)")
            let missing = ["token", "--user", "a", "--jwt-key", "/nowhere"]
            try await self.expectRefusal(missing, names: ["--jwt-key \"/nowhere\": there is no"])
            try await self.expectRefusal(
                ["token", "--user", "a"],
                environment: ["VOLARY_JWT_KEY": "/"],
                names: ["VOLARY_JWT_KEY \"/\": is a directory"]
            )
            try await self.withFile(String(repeating: "k", count: 32)) { path in
                let arguments = ["token", "--jwt-key", path, "--user", "alice", "--group", "staff", "--group"]
                try await self.expectRefusal(arguments + [""], names: ["--group \"\": must be"])
            }
        }

        @Test
        func `Every option's limits are allowed themselves`() async throws {
            let largest = [
                "--threads=1", "--lease=300s", "--announcements-per-second=1000", "--max-message=16MiB", "--max-record=16MiB",
                "--signalr-keep-alive=1h", "--signalr-client-timeout=2h", "--signalr-handshake-timeout=10m",
                "--hub-streams=10000",
                "--hub-client-results=10000", "--max-unsent=256MiB",
                "--ping-interval=1h", "--close-timeout=1m", "--max-frames=1000000", "--message-timeout=1h",
                "--max-unsent-age=10m",
                "--client-idle-timeout=24h", "--message-rate=1000000", "--byte-rate=512MiB", "--over-rate=drop",
                "--hub-connections=1000000", "--hub-message-rate=1000000", "--hub-byte-rate=512MiB", "--hub-storage=1048576MiB",
                "--max-connections=1000000",
                "--max-connections-per-address=1000000", "--trusted-proxies=0.0.0.0/0,::/0", "--forwarded-header=forwarded",
                "--max-header-fields=1000", "--body-timeout=10m", "--max-requests=100000",
                "--max-forwarded=100000",
                "--max-body=64MiB", "--max-header=1MiB", "--handshake-timeout=60s",
                "--delivery=logged", "--history-messages=1000000", "--history-bytes=32MiB", "--history-idle-bytes=1048576MiB",
                "--history-age=1h", "--idempotency-bytes=1048576MiB",
                "--trace-bytes=1024MiB", "--canary-interval=1m",
                "--idle-timeout=1h", "--drain-delay=0s", "--drain-timeout=10m", "--log-level=critical", "--log-format=json",
            ]
            let smallest = [
                "--lease=1s", "--announcements-per-second=0", "--max-message=1", "--max-record=1024", "--max-unsent=65536",
                "--signalr-keep-alive=1s", "--signalr-client-timeout=1s", "--signalr-handshake-timeout=1s", "--hub-streams=1",
                "--hub-client-results=1",
                "--ping-interval=1s",
                "--close-timeout=100ms", "--max-frames=1", "--message-timeout=1s", "--max-unsent-age=1s",
                "--client-idle-timeout=1s", "--message-rate=1", "--byte-rate=1KiB", "--over-rate=close", "--max-connections=1",
                "--hub-connections=1", "--hub-message-rate=1", "--hub-byte-rate=1KiB", "--hub-storage=1MiB",
                "--max-connections-per-address=1", "--max-header-fields=10", "--body-timeout=1s", "--max-requests=1",
                "--max-forwarded=1",
                "--max-body=1024",
                "--max-header=1024", "--handshake-timeout=100ms", "--idle-timeout=1s",
                "--delivery=at-most-once", "--history-messages=16", "--history-bytes=64KiB", "--history-idle-bytes=1MiB",
                "--history-age=1s", "--idempotency-bytes=1MiB",
                "--trace-bytes=64KiB", "--canary-interval=100ms",
                "--drain-timeout=100ms", "--log-level=trace", "--redis-prefix=p",
            ]
            for options in [largest, smallest] {
                let process = try await VolaryProcess.start(options)
                #expect(await process.terminate(within: .seconds(10)) == 0)
            }
        }

        private func withFile(_ text: String, _ body: (String) async throws -> Void) async throws {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("volary-\(UUID().uuidString).json")
            try Data(text.utf8).write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }
            try await body(file.path)
        }
    }
}
