import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// Descriptors.
    @Suite
    struct DescriptorTests {
        /// A frame with the text `x`, masked with zeros.
        private static let frame: [UInt8] = [0x81, 0x81, 0, 0, 0, 0, 0x78]

        private static func floodAndGo(_ path: String, port: Int) async throws {
            let client = try await RawTestClient.connect(port: port)
            try await client.send(bytes: HandshakeRequest.bytes(path: path))
            try #require(await eventually { client.received.contains("\r\n\r\n") })
            try await client.send(bytes: Array(repeating: Self.frame, count: 500).flatMap(\.self))
            try await client.endOutput()
            try #require(await eventually { client.isEnded })
        }

        @Test
        func `The guard sees a write to a closed descriptor`() throws {
            let watched = try DescriptorGuard()
            defer { watched.remove() }
            let program = Process()
            program.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            program.arguments = [
                "python3", "-c",
                """
                import os, socket
                a, b = socket.socketpair()
                fd = os.dup(a.fileno())
                os.write(fd, b"fine")
                os.close(fd)
                try:
                    os.write(fd, b"late")
                except OSError:
                    pass
                c = socket.socket()
                assert c.fileno() != fd, "the number is kept"
                """,
            ]
            program.environment = ProcessInfo.processInfo.environment.merging(watched.environment) { $1 }
            try program.run()
            program.waitUntilExit()
            #expect(program.terminationStatus == 0)
            #expect(watched.violations == 1)
        }

        /// More messages in one read than a client may have unfinished, and then the end: what is held of them is handled when NIO has closed the
        /// descriptor.
        @Test(
            arguments: ["/ws", "/echo"]
        )
        func `Clients that go in the middle of what they say are answered nothing on descriptors that are closed`(
            path: String
        ) async throws {
            let watched = try DescriptorGuard()
            defer { watched.remove() }
            try await withSingleNode(options: Cluster.quiet + ["--threads", "4"], environment: watched.environment) { node in
                let witness = try await node.connect()
                let port = node.process.port
                try await withThrowingDiscardingTaskGroup { group in
                    for _ in 0..<4 {
                        group.addTask { for _ in 0..<25 { try await Self.floodAndGo(path, port: port) } }
                    }
                }
                #expect(try await eventually { try await node.metric("volary_connections_all_endpoints") == 1 })
                try await witness.send("still there")
                try await witness.see { $0.type == "echo" && $0.message == "still there" }
                #expect(watched.violations == 0)
            }
        }
    }
}
