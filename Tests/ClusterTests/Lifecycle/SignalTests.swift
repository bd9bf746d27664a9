import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// What signals do to a node.
    @Suite
    struct SignalTests {
        @Test(
            arguments: [(SIGHUP, "SIGHUP"), (SIGUSR1, "SIGUSR1"), (SIGUSR2, "SIGUSR2"), (SIGALRM, "SIGALRM")]
        )
        func `A signal that asks for nothing leaves the node and its clients as they are, and a line in the log`(
            _ signal: CInt,
            _ name: String
        ) async throws {
            try await withSingleNode { node in
                let client = try await node.connect()
                node.process.signal(signal)
                #expect(await eventually(within: .seconds(10)) { node.process.output.contains(name) || !node.process.isRunning })
                try await client.send("still here")
                try await client.see { $0.message == "still here" }
                #expect(node.process.output.contains("ignored"))
            }
        }

        @Test func `Signals that no program sends to a server leave the node and its clients as they are`() async throws {
            try await withSingleNode { node in
                let client = try await node.connect()
                let others = [SIGIO, SIGPWR, SIGPROF, SIGVTALRM, SIGXCPU, SIGXFSZ, SIGSTKFLT]
                for number in others + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax()) {
                    node.process.signal(number)
                }
                try await client.send("still here")
                try await client.see { $0.message == "still here" }
            }
        }

        @Test(
            arguments: ["text", "json"]
        )
        func `SIGQUIT closes the clients with 1012 and ends with 0, as SIGTERM does; the last line says Stopped`(
            format: String
        ) async throws {
            let process = try await VolaryProcess.start(Cluster.quiet + ["--log-format", format])
            let clients = try await TestNode(name: "solo", process: process).connect(3)
            process.signal(SIGQUIT)
            #expect(await process.exit(within: .seconds(10)) == 0)
            for client in clients { #expect(await client.closed() == 1012) }
            let last = try #require(process.output.split(separator: "\n").last)
            #expect(last.contains("Stopped"), "\(last)")
        }
    }
}
