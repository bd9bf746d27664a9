import TestSupport
import Testing

extension RealProcesses {
    /// The echo server, and the rules of WebSocket.
    @Suite
    struct EchoTests {
        private static let mebibyte = 1_048_576

        @Test
        func `Text comes back as text and binary as binary, as they were and in order`() async throws {
            try await withSingleNode { node in
                let client = try await node.connect("/echo")
                let texts = ["Hello!", "", "Grüße 🦅 \u{0}", String(repeating: "long ", count: 20_000)]
                for text in texts { try await client.send(text) }
                for text in texts { #expect(try await client.next() == .text(text)) }
                let binaries: [[UInt8]] = [[0, 1, 255], [], (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }]
                for bytes in binaries { try await client.send(bytes) }
                for bytes in binaries { #expect(try await client.next() == .binary(bytes)) }
                try await client.close(code: 3456)
                #expect(await client.closed() == 3456)
                #expect(client.waiting == 0)
            }
        }

        @Test
        func `A fragmented message is put together, also across the letters of a character`() async throws {
            try await withSingleNode { node in
                let client = try await node.connect("/echo")
                let bytes = Array("one 🦅 two".utf8)
                try await client.send(.text, Array(bytes[..<6]), fin: false)
                try await client.send(.continuation, Array(bytes[6..<6]), fin: false)
                try await client.send(.continuation, Array(bytes[6...]))
                #expect(try await client.next() == .text("one 🦅 two"))
                try await client.send(.binary, [1], fin: false)
                try await client.send(.continuation, [2])
                #expect(try await client.next() == .binary([1, 2]))
            }
        }

        @Test
        func `A ping in the middle of a fragmented message is answered at once, and the message is whole`() async throws {
            try await withSingleNode { node in
                let client = try await node.connect("/echo")
                try await client.send(.text, Array("first, ".utf8), fin: false)
                try await client.send(.ping, Array("alive?".utf8))
                #expect(await eventually { client.pongs == [Array("alive?".utf8)] })
                #expect(client.waiting == 0)
                try await client.send(.continuation, Array("second".utf8))
                #expect(try await client.next() == .text("first, second"))
            }
        }

        @Test(arguments: ["/echo", "/ws"])
        func `A message of 1 MiB comes back; one of a byte more is closed with 1009`(_ path: String) async throws {
            try await withSingleNode { node in
                let client = try await node.connect(path)
                let largest = [UInt8](repeating: 0x61, count: Self.mebibyte)
                try await client.send(largest)
                #expect(try await client.next() == .binary(largest))
                try await client.send(.binary, Array(largest[..<1000]), fin: false)
                try await client.send(.continuation, Array(largest[1000...]))
                #expect(try await client.next() == .binary(largest))

                // The server need not read what it will not take, so that writing it may fail.
                try? await client.send(largest + [0x61])
                #expect(await client.closed() == 1009)
                let other = try await node.connect(path)
                try await other.send(.binary, largest, fin: false)
                try? await other.send(.continuation, [0x61])
                #expect(await other.closed() == 1009)
                #expect(other.waiting == 0)
            }
        }

        @Test(arguments: ["/echo", "/ws"])
        func `Text that is no UTF-8 is closed with 1007`(_ path: String) async throws {
            try await withSingleNode { node in
                let invalid: [[UInt8]] = [
                    [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x61, 0xE2, 0x82],
                ]
                for bytes in invalid {
                    let client = try await node.connect(path)
                    try await client.send(.text, bytes)
                    #expect(await client.closed() == 1007)
                    #expect(client.waiting == 0)
                }
            }
        }

        @Test
        func `Frames against the protocol are closed with 1002`() async throws {
            try await withSingleNode { node in
                let unmasked = try await node.connect("/echo")
                try await unmasked.send(.text, Array("bare".utf8), masked: false)
                #expect(await unmasked.closed() == 1002)

                let orphan = try await node.connect("/echo")
                try await orphan.send(.continuation, [1])
                #expect(await orphan.closed() == 1002)

                let interrupted = try await node.connect("/ws")
                try await interrupted.send(.text, [0x61], fin: false)
                try await interrupted.send(.text, [0x61])
                #expect(await interrupted.closed() == 1002)

                let fragmentedPing = try await node.connect("/ws")
                try await fragmentedPing.send(.ping, [], fin: false)
                #expect(await fragmentedPing.closed() == 1002)

                let badClose = try await node.connect("/ws")
                try await badClose.send(.close, [0x03, 0xED])  // 1005
                #expect(await badClose.closed() == 1002)
            }
        }

        @Test
        func `A close without a code is answered without one`() async throws {
            try await withSingleNode { node in
                for path in ["/echo", "/ws"] {
                    let client = try await node.connect(path)
                    try await client.send(.close, [])
                    #expect(await client.closed() == 1005)
                }
            }
        }

        @Test
        func `Subprotocols that nobody knows are accepted, without one`() async throws {
            try await withSingleNode { node in
                let client = try await node.connect("/ws", options: .init(subprotocols: ["chat.v9", "soap"]))
                #expect(client.subprotocol == nil)
                try await client.send("works")
                #expect(try await client.see().message == "works")
            }
        }

        @Test
        func `A client that is silent from one ping to the next is cut, one that answers is not`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--ping-interval", "1s"]) { node in
                let polite = try await node.connect()
                let dead = try await RawTestClient.connect(port: node.process.port)
                try await dead.send(HandshakeTests.request("/ws"))
                #expect(await eventually { dead.received.contains("101 Switching Protocols") })
                #expect(await eventually(within: .seconds(6)) { dead.isEnded })
                #expect(!polite.isEnded)
                #expect(await eventually { (try? await node.count()) == 1 })
            }
        }
    }
}
