import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// What becomes of a node when its log cannot be written.
    @Suite
    struct LogTests {
        /// Where standard output goes; a shell command that becomes the program.
        private static let outputs = [
            "full": "exec \"$0\" \"$@\" > /dev/full",
            "closed": "exec \"$0\" \"$@\" >&-",
            "no reader": "exec \"$0\" \"$@\" > >(head -n 1)",
            "stuck reader": "exec \"$0\" \"$@\" > \"$TEST_FIFO\"",
        ]

        private static func start(_ output: String, _ options: [String], fifo: StuckPipe) async throws -> VolaryProcess {
            try await VolaryProcess.start(
                Cluster.quiet + options,
                environment: ["TEST_FIFO": fifo.path],
                through: ["/bin/bash", "-c", try #require(Self.outputs[output])]
            )
        }

        @Test(arguments: ["text", "json"], ["full", "closed", "no reader", "stuck reader"])
        func `It serves, answers quickly, and ends with close frames in time`(format: String, output: String) async throws {
            let fifo = try StuckPipe()
            let process = try await Self.start(output, ["--log-format", format, "--log-level", "debug"], fifo: fifo)
            let node = TestNode(name: "solo", process: process)
            let clients = try await node.connect(3)
            // Each is a line in the log.
            for _ in 0..<20 {
                process.signal(SIGUSR1)
                #expect(try await node.request("GET", "/nothing").status == 404)
            }
            for text in ["one", "two"] {
                let start = ContinuousClock.now
                try await clients[0].send(text)
                try await clients[0].see { $0.type == "echo" && $0.message == text }
                #expect(start.duration(to: .now) < .seconds(1))
                for client in clients { try await client.see { $0.type == "message" && $0.message == text } }
            }
            let lost = try #require(try await node.metric("volary_log_lines_lost_total"))
            #expect((lost > 0) == (output != "stuck reader"), "\(lost)")
            let start = ContinuousClock.now
            #expect(await process.terminate(within: .seconds(10)) == 0)
            for client in clients { #expect(await client.closed() == 1012) }
            // The drain is over at once; the log has a second.
            #expect(start.duration(to: .now) < .seconds(5))
        }

        @Test(arguments: ["text", "json"])
        func `What a reader was too slow for is there when it reads on`(format: String) async throws {
            let fifo = try StuckPipe()
            let process = try await Self.start("stuck reader", ["--log-format", format], fifo: fifo)
            process.signal(SIGUSR1)
            process.beginTermination()
            #expect(await eventually { fifo.takeAll().contains("Stopped") })
            #expect(await process.exit(within: .seconds(10)) == 0)
        }

        @Test func `A line about a value that is not allowed does not wait for a reader of standard error`() async throws {
            let fifo = try StuckPipe()
            let (status, _, _) = try await VolaryProcess.run(
                ["--port", "65536"],
                environment: ["TEST_FIFO": fifo.path],
                through: ["/bin/bash", "-c", "exec \"$0\" \"$@\" 2> \"$TEST_FIFO\""],
                within: .seconds(10)
            )
            #expect(status == 78)
        }

        @Test(arguments: ["text", "json"])
        func `Refused pushes while Redis is away are a few lines a second`(format: String) async throws {
            let process = try await VolaryProcess.start(
                Cluster.quiet + ["--redis", "redis://127.0.0.1:1", "--log-format", format],
                until: .live
            )
            let node = TestNode(name: "solo", process: process)
            let start = ContinuousClock.now
            for number in 0..<200 {
                let answer = try await node.request(
                    "POST",
                    "/api/connections/broadcast",
                    headers: ["Idempotency-Key": "\(number)"],
                    body: #"{"message":"x"}"#
                )
                #expect(answer.status == 503)
            }
            let seconds = Int(start.duration(to: .now) / .seconds(1)) + 2
            let said = "The idempotency store does not answer"
            try #require(await eventually { process.output.contains(said) })
            let lines = process.output.split(separator: "\n").filter { $0.contains(said) }
            #expect((1...(10 * seconds)).contains(lines.count), "\(lines.count) in \(seconds) s")
        }
    }
}
