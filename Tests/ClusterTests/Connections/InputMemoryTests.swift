import TestSupport
import Testing

extension RealProcesses {
    /// What a node keeps of one connection's bytes.
    @Suite
    struct InputMemoryTests {
        /// What one client sends.
        private struct Stream {
            let beginning: String
            /// Again and again.
            var piece = "a"
            /// How many bytes, unless the node ends the connection before, or stops reading.
            var bytes = 64 << 20
            /// Whether the client then ends its half: the node reads at once what the kernel has of it.
            var ends = false
        }

        private static let get = "GET /livez HTTP/1.1\r\nHost: h\r\n"
        private static let post =
            "POST /api/connections/broadcast HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        private static let chunked = Self.post + "Transfer-Encoding: chunked\r\n\r\n"

        private static let streams = [
            Stream(beginning: Self.get + "Connection: upgrade\r\nUpgrade: x\r\n\r\n"),
            Stream(beginning: HandshakeTests.request("/ws", version: "8")), Stream(beginning: HandshakeTests.request("/nothing")),
            Stream(beginning: Self.get + "\r\n" + HandshakeTests.request("/nothing")),
            Stream(beginning: Self.get + "Connection: close\r\n\r\n"), Stream(beginning: "NONSENSE\r\n\r\n"),
            Stream(beginning: "GET /"), Stream(beginning: Self.get + "X: "), Stream(beginning: "\r\n", piece: "\r\n"),
            Stream(beginning: Self.post + "Content-Length: 9000000000000000000\r\n\r\n"),
            Stream(beginning: Self.get + "Content-Length: 9000000000000000000\r\n\r\n"),
            Stream(beginning: Self.chunked + "fffffffff\r\n"), Stream(beginning: Self.chunked, piece: "1\r\na\r\n"),
            Stream(beginning: Self.chunked + "1;"), Stream(beginning: Self.chunked + "0\r\n", piece: "X: x\r\n"),
            Stream(beginning: "\r\n", piece: Self.get + "\r\n"),
            Stream(beginning: "\r\n", piece: Self.get + "\r\n", bytes: 1 << 20, ends: true),
            Stream(beginning: Self.chunked, piece: "1\r\na\r\n", bytes: 4 << 20, ends: true),
            Stream(beginning: Self.post + "Content-Length: 4000000\r\n\r\n", bytes: 4 << 20, ends: true),
        ]

        /// A client that is answered all it says, for as long as it goes on; none of it ends where a read of the node does.
        private static let answered: [(name: String, beginning: String, piece: [UInt8])] = [
            ("requests", "\r\n", Array("\(Self.get)X: \(String(repeating: "a", count: 12_001))\r\n\r\n".utf8)),
            ("pings", HandshakeTests.request("/echo"), ClientFrame.ping(Array(repeating: 97, count: 100))),
            ("texts", HandshakeTests.request("/echo"), ClientFrame.text(Array(repeating: 97, count: 101))),
        ]

        private func send(_ stream: Stream, to node: TestNode) async throws {
            let client = try await RawTestClient.connect(port: node.process.port, tls: node.process.tls, allowsHalfClosure: true)
            try await client.send(stream.beginning)
            // What it does not take from the kernel waits in the node.
            try await client.stopReading()
            let piece = Array(String(repeating: stream.piece, count: 256 * 1024 / stream.piece.utf8.count).utf8)
            for _ in 0..<stream.bytes / piece.count {
                guard await client.sends(piece, within: .seconds(1)) else { break }
            }
            // Comes behind what the node has not read yet, and perhaps never.
            let end = Task { if stream.ends { try? await client.endOutput() } }
            try await Task.sleep(for: .milliseconds(200))
            end.cancel()
        }

        @Test(arguments: [false, true])
        func `An endless stream costs a node no memory, whatever it begins with and is made of`(_ isSecure: Bool) async throws {
            let certificate = isSecure ? try TestCertificate() : nil
            try await withSingleNode(options: Cluster.quiet + ["--threads", "1"], tls: certificate) { node in
                // What is allocated once is allocated.
                for _ in 0..<20 { _ = try await node.broadcast("hello") }
                try await node.connect().close()
                let before = try #require(node.process.peakResidentBytes)
                for stream in Self.streams {
                    try await self.send(stream, to: node)
                    let grown = try #require(node.process.peakResidentBytes) - before
                    // The largest body is among them, 2 MiB. The process' allocator has its share.
                    #expect(grown < 4 << 20, "\(stream): \(grown)")
                }
                #expect(try await node.request("GET", "/livez").status == 200)
            }
        }

        @Test(arguments: 0..<3)
        func `A stream whose answers are read costs a node no memory, however long it goes on`(_ row: Int) async throws {
            try await withSingleNode(options: Cluster.quiet + ["--threads", "1"]) { node in
                let stream = Self.answered[row]
                try await node.connect().close()
                let client = try await RawTestClient.connect(port: node.process.port)
                try await client.send(stream.beginning)
                let piece = Array(repeatElement(stream.piece, count: 256 * 1024 / stream.piece.count).joined())
                // The first are to be answered, with what that takes.
                for _ in 0..<8 { #expect(await client.sends(piece, within: .seconds(30))) }
                let before = try #require(node.process.peakResidentBytes)
                for _ in 0..<64 { #expect(await client.sends(piece, within: .seconds(30))) }
                let grown = try #require(node.process.peakResidentBytes) - before
                #expect(grown < 2 << 20, "\(stream.name): \(grown)")
            }
        }
    }
}
