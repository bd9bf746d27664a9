import TestSupport
import Testing

extension RealProcesses {
    /// What a node sends at the end of a handshake, over TLS, where all bytes go through the channel.
    @Suite
    struct TLSGreetingTests {
        @Test
        func `Over wss the first message comes at once, and so does the close of a client that cannot resume`() async throws {
            try await withSingleNode(
                options: Cluster.quiet + ["--anonymous-clients"],
                environment: ["VOLARY_ACCESS_KEY": String(repeating: "k", count: 32)],
                tls: try TestCertificate()
            ) { node in
                let greeted = try await node.connect("/ws?welcome=on")
                #expect("\(try await greeted.next())".contains("solo"))
                // Nobody asks this one for a token.
                let refused = try await node.connect("/client/hubs/chat?awps_connection_id=nobody")
                #expect(await refused.closed() == 1008)
                try await greeted.close()
                #expect(await greeted.closed() == 1000)
            }
        }
    }
}
