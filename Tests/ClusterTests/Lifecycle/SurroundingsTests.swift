import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// What the program makes of where it runs.
    @Suite
    struct SurroundingsTests {
        /// What Kubernetes sets beside Services called volary and volary-redis.
        private static let serviceVariables = [
            "VOLARY_SERVICE_HOST": "10.96.12.34", "VOLARY_SERVICE_PORT": "8080", "VOLARY_SERVICE_PORT_HTTP": "8080",
            "VOLARY_PORT": "tcp://10.96.12.34:8080", "VOLARY_PORT_8080_TCP": "tcp://10.96.12.34:8080",
            "VOLARY_PORT_8080_TCP_PROTO": "tcp", "VOLARY_PORT_8080_TCP_PORT": "8080", "VOLARY_PORT_8080_TCP_ADDR": "10.96.12.34",
            "VOLARY_REDIS_SERVICE_HOST": "10.96.0.9", "VOLARY_REDIS_PORT": "tcp://10.96.0.9:6379",
        ]

        @Test
        func `A Service called volary in the same namespace of Kubernetes changes nothing, and is one line in the log at most`()
            async throws
        {
            let process = try await VolaryProcess.start(Cluster.quiet, environment: Self.serviceVariables)
            #expect(await process.terminate(within: .seconds(10)) == 0)
            let lines = process.output.split(separator: "\n").filter { $0.contains("VOLARY_") }
            #expect(lines.count <= 1 && !process.output.contains("10.96."), "\(lines)")
            // Without a flag the variable is what the port would be read from: the start goes on, up to an address that it cannot have.
            let (status, _, errors) = try await VolaryProcess.run(
                ["--host", "192.0.2.1", "--insecure"],
                environment: Self.serviceVariables
            )
            #expect(status == 78)
            #expect(errors.hasPrefix("volary: 192.0.2.1 is not an address of this machine; choose another --host"), "\(errors)")
        }

        @Test
        func `A variable that is no option is named in a warning with the one that may be meant; its value is not`() async throws
        {
            let process = try await VolaryProcess.start(
                Cluster.quiet,
                environment: ["VOLARY_PROT": "hunter2", "VOLARY_FAVOURITE_COLOUR": "hunter2", "VOLARY_NOTHING": ""]
            )
            #expect(await process.terminate(within: .seconds(10)) == 0)
            let warnings = process.output.split(separator: "\n").filter { $0.contains(" warning ") }
            #expect(warnings.count == 2)
            #expect(warnings.contains { $0.contains("VOLARY_PROT") && $0.contains("VOLARY_PORT") })
            #expect(warnings.contains { $0.contains("VOLARY_FAVOURITE_COLOUR") })
            #expect(!process.output.contains("hunter2"))
        }

        @Test
        func `A port that is taken: one line that says so, and 78, before anything has started`() async throws {
            let first = try await VolaryProcess.start([])
            let (status, output, errors) = try await VolaryProcess.run(["--port", "\(first.port)"])
            #expect(status == 78)
            #expect(errors == "volary: 127.0.0.1:\(first.port) is in use (by another node?); choose another --port\n")
            #expect(!output.contains("Presence") && !output.contains("Draining"), "\(output)")
            #expect(first.isRunning)
        }

        @Test
        func `A host name that does not resolve is named, and 78`() async throws {
            let (status, _, errors) = try await VolaryProcess.run(["--host", "nowhere.invalid", "--port", "0", "--insecure"])
            #expect(status == 78)
            #expect(errors == "volary: nowhere.invalid: the host name does not resolve; choose another --host\n")
        }

        /// A program in a mount namespace of its own, in which `/proc` is empty.
        private static let withoutProc = [
            "unshare", "--mount", "/bin/sh", "-c",
            "mount --make-rprivate / && mount -t tmpfs none /proc && exec \"$0\" \"$@\"",
        ]

        private static func canUnshare() async -> Bool {
            (try? await VolaryProcess.run(["--version"], through: ["unshare", "--mount"]))?.status == 0
        }

        @Test(
            .enabled("mount namespaces may not be made here") { await Self.canUnshare() }
        )
        func `Without /proc, where the command line is read from, nothing starts with other options than were given`()
            async throws
        {
            for arguments in [["--port", "65536"], ["--port", "0"], ["token", "--user", "alice"]] {
                let (status, output, errors) = try await VolaryProcess.run(arguments, through: Self.withoutProc)
                #expect(status == 78 && output.isEmpty)
                #expect(errors.hasPrefix("volary: /proc is missing") && errors.filter(\.isNewline).count == 1, "\(errors)")
            }
        }

        @Test
        func `A Redis that refuses connections is one warning, in plain words, for all links together`() async throws {
            let process = try await VolaryProcess.start(Cluster.quiet + ["--redis", "redis://127.0.0.1:1"], until: .live)
            let links = ["publisher", "subscriber", "presence"]
            let debug = try await VolaryProcess.start(
                Cluster.quiet + ["--redis", "redis://127.0.0.1:1", "--log-level", "debug"],
                until: .live
            )
            let allHaveTried = await eventually {
                links.allSatisfy { debug.output.contains("volary.redis.link=\($0) ") } && process.output.contains(" warning ")
            }
            #expect(allHaveTried)
            for output in [process.output, debug.output] {
                let warnings = output.split(separator: "\n").filter { $0.contains(" warning ") }
                #expect(warnings.count == 1, "\(warnings)")
                #expect(warnings.first?.contains("volary.redis.reason=Connection refused") == true)
            }
            #expect(!debug.output.contains("error set"))
        }
    }
}
