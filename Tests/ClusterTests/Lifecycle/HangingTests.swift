import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// Shutdown waits for nothing that hangs.
    @Suite
    struct HangingTests {
        private static let key = String(repeating: "k", count: 32)

        /// Ends a node and looks at what its clients get.
        private func expectDrain(_ process: VolaryProcess, _ clients: [WebSocketTestClient], within: Duration) async {
            let start = ContinuousClock.now
            #expect(await process.terminate(within: .seconds(30)) == 0)
            #expect(start.duration(to: .now) < within)
            for client in clients { #expect(await client.closed() == 1012) }
        }

        /// Until the node says so: signals that come at once are one.
        private func reloadWhileReading(_ process: VolaryProcess) async {
            let isSaid = await eventually {
                process.reload()
                return process.output.contains("Files are still being read")
            }
            #expect(isSaid, "\(process.output)")
        }

        @Test(arguments: [1, 2])
        func `A key file that has become a FIFO: SIGHUP reads in vain, clients go on, SIGTERM ends the node in time`(
            hangups: Int
        ) async throws {
            let file = NSTemporaryDirectory() + "volary-keys-\(UUID().uuidString)"
            defer { unlink(file) }
            try Data(Self.key.utf8).write(to: URL(fileURLWithPath: file))
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--jwt-key", file, "--anonymous-clients", "--client-messages", "all"]
            )
            let client = try await TestNode(name: "", process: process).connect()
            unlink(file)
            #expect(mkfifo(file, 0o600) == 0)
            process.reload()
            if hangups > 1 { await self.reloadWhileReading(process) }
            try await client.send("still here")
            try await client.see { $0.message == "still here" }
            await self.expectDrain(process, [client], within: .seconds(5))
        }

        @Test func `A FIFO that nobody writes to is given up after 10 s; what was read before stays in force`() async throws {
            let file = NSTemporaryDirectory() + "volary-keys-\(UUID().uuidString)"
            defer { unlink(file) }
            try Data(Self.key.utf8).write(to: URL(fileURLWithPath: file))
            let process = try await VolaryProcess.start(Cluster.quiet + ["--jwt-key", file, "--anonymous-clients"])
            unlink(file)
            #expect(mkfifo(file, 0o600) == 0)
            process.reload()
            #expect(await eventually(within: .seconds(20)) { process.output.contains("was not written to its end within 10s") })
            #expect(await process.terminate(within: .seconds(10)) == 0)
        }

        @Test func `A file system that hangs at SIGHUP`() async throws {
            let system = try HangingSystem()
            defer { system.remove() }
            let file = system.files + "/keys"
            try Data(Self.key.utf8).write(to: URL(fileURLWithPath: file))
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--jwt-key", file, "--anonymous-clients", "--client-messages", "all"],
                environment: system.environment
            )
            let client = try await TestNode(name: "", process: process).connect()
            process.reload()
            #expect(await eventually { process.output.contains("File reloaded") })
            try system.hang(.open)
            process.reload()
            await self.reloadWhileReading(process)
            try await client.send("still here")
            try await client.see { $0.message == "still here" }
            await self.expectDrain(process, [client], within: .seconds(5))
        }

        @Test func `A name server that hangs while Redis is looked for`() async throws {
            let system = try HangingSystem()
            defer { system.remove() }
            try system.hang(.getaddrinfo)
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--redis", "redis://redis.invalid", "--drain-timeout", "1s"],
                environment: system.environment,
                until: .live
            )
            let client = try await TestNode(name: "", process: process).connect()
            await self.expectDrain(process, [client], within: .seconds(1 + 5 + 2))
        }

        @Test func `A Redis that accepts connections and never answers`() async throws {
            let redis = try await FakeRedis.start { _, _ in .silence }
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--redis", "redis://127.0.0.1:\(redis.port)", "--drain-timeout", "1s"],
                until: .live
            )
            let client = try await TestNode(name: "", process: process).connect()
            await self.expectDrain(process, [client], within: .seconds(1 + 5 + 2))
            await redis.stop()
        }

        @Test(arguments: [1, 2])
        func `An event loop that hangs: the process ends 7 s behind its drain, 3 s after a second signal, and says so`(
            signals: Int
        ) async throws {
            let system = try HangingSystem()
            defer { system.remove() }
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--drain-timeout", "1s", "--threads", "1"],
                environment: system.environment
            )
            let client = try await TestNode(name: "", process: process).connect()
            try system.hang(.send)
            try await client.send("the echo hangs")
            let start = ContinuousClock.now
            process.beginTermination()
            #expect(await eventually { process.output.contains("Signal received") })
            if signals == 2 { process.beginTermination() }
            #expect(await process.exit(within: .seconds(20)) == 1)
            let time = start.duration(to: .now)
            #expect(signals == 1 ? time > .seconds(7) && time < .seconds(12) : time < .seconds(7), "\(time)")
            #expect(process.output.contains("The node did not stop in time: the process exits now"))
        }
    }
}
