import TestSupport
import Testing

extension RealProcesses {
    /// Clients that do not read cost the node what it allows them, and the others nothing.
    @Suite
    struct SlowConsumerTests {
        /// Pings would be between the messages that are timed.
        private static let options =
            Cluster.quiet + ["--ping-interval", "5m", "--max-unsent-age", "5m", "--close-timeout", "20s"]
        private static let megabyte = String(repeating: "x", count: 1_000_000)

        /// - Parameter total: connections of the node then, others included.
        private func listeners(_ count: Int, on node: TestNode, total: Int) async throws -> [ListeningClient] {
            // Far below what the kernel keeps for a client by itself: one that stops reading is felt at once.
            let listeners = try await ListeningClient.connect(count, port: node.process.port, receiveBuffer: 4096)
            #expect(try await eventually { try await node.metric("volary_connections") == total })
            return listeners
        }

        /// Of the time from a message's sending to its arrival at each of the listeners.
        private func p99(of listeners: [ListeningClient], from publisher: WebSocketTestClient) async throws -> Duration {
            let payload = [UInt8](repeating: 7, count: 64)
            for listener in listeners { listener.beginTiming(messageBytes: 2 + payload.count) }
            let clock = ContinuousClock()
            var sent: [ContinuousClock.Instant] = []
            for _ in 0..<25 {
                sent.append(clock.now)
                try await publisher.send(payload)
                try await clock.sleep(for: .milliseconds(100))
            }
            let isComplete = await eventually { listeners.allSatisfy { $0.arrivals.count == sent.count } }
            try #require(isComplete)
            let times = listeners.flatMap { zip($0.arrivals, sent).map { $0 - $1 } }.sorted()
            return times[times.count * 99 / 100]
        }

        @Test
        func `One that stalls among a thousand delays nobody, has no more than its share of memory, and is closed with 1013`()
            async throws
        {
            let allowed = 4 << 20
            try await withSingleNode(options: Self.options + ["--max-unsent", "\(allowed >> 20)MiB"]) { node in
                let stalled = try await self.listeners(1, on: node, total: 1)[0]
                let id = try #require(try await node.inventory().first?.id)
                let publisher = try await node.connect()
                let others = try await self.listeners(998, on: node, total: 1000)
                let usual = try await self.p99(of: others, from: publisher)
                let before = node.process.residentBytes
                try await stalled.stopReading()
                for _ in 0..<3 { #expect(try await node.send(Self.megabyte, to: id).status == 200) }

                // Another process may want the machine once; a node that waits for the reader does so each time.
                var times: [Duration] = []
                repeat {
                    times.append(try await self.p99(of: others, from: publisher))
                } while times.count < 3
                    && times[times.count - 1] > usual * 3 + .milliseconds(50)
                #expect(times[times.count - 1] <= usual * 3 + .milliseconds(50), "\(times) and not \(usual)")

                let isClosed = try await eventually {
                    _ = try await node.send(Self.megabyte, to: id)
                    return try await node.metric("volary_slow_consumers_total") == 1
                }
                #expect(isClosed)
                if let before, let after = node.process.residentBytes {
                    #expect(after - before < allowed + 32 << 20, "\(before) \(after)")
                }
                try await stalled.resumeReading()
                let reason = "too many unsent bytes: the client reads too slowly"
                let close = [0x88, UInt8(2 + reason.utf8.count), 0x03, 0xF5] + reason.utf8
                #expect(await eventually { Array(stalled.lastBytes.suffix(close.count)) == close })
            }
        }

        @Test
        func `A megabyte for two thousand that do not read is in memory once`() async throws {
            try await withSingleNode(options: Self.options + ["--max-unsent", "2MiB"]) { node in
                let listeners = try await self.listeners(2000, on: node, total: 2000)
                for listener in listeners { try await listener.stopReading() }
                let before = node.process.residentBytes
                // The kernel copies up to two gigabytes meanwhile.
                #expect(try await node.broadcast(Self.megabyte, query: "?timeout=30s").recipients == 2000)
                if let before, let after = node.process.residentBytes {
                    #expect(after - before < 64 << 20, "\(before) \(after)")
                }
                #expect(listeners.allSatisfy { $0.bytes < Self.megabyte.utf8.count })
                try await listeners[0].resumeReading()
                #expect(await eventually { listeners[0].bytes > Self.megabyte.utf8.count })
            }
        }

        /// The pings run, and the node judges nobody by what it does not read.
        @Test
        func `A client that goes on sending while the node waits for it to read is not taken for dead, and gets everything`()
            async throws
        {
            let options = ["--ping-interval", "1s", "--max-unsent", "64MiB", "--max-unsent-age", "60s", "--max-message", "4MiB"]
            try await withSingleNode(options: Cluster.quiet + options) { node in
                let client = try await RawTestClient.connect(port: node.process.port)
                try await client.send(bytes: HandshakeRequest.bytes(path: "/echo"))
                try #require(await eventually { client.received.contains("\r\n\r\n") })
                let handshake = client.bytes.count
                try await client.stopReading()
                // More than the kernel keeps on both sides of the way back.
                let count = 4
                let size = 4 << 20
                let header: [UInt8] = [0x82, 0xFF, 0, 0, 0, 0] + [UInt8(size >> 24 & 255), UInt8(size >> 16 & 255), 0, 0]
                let message = header + [0, 0, 0, 0] + Array(repeating: 7, count: size)
                let sending = Task { for _ in 0..<count { try await client.send(bytes: message) } }
                // Three ping intervals, in which it sends and does not read.
                for _ in 0..<6 {
                    try await Task.sleep(for: .milliseconds(500))
                    #expect(!client.isEnded)
                }
                #expect(try await node.metric("volary_unresponsive_clients_total") == 0)
                #expect(try await node.metric("volary_connections_all_endpoints") == 1)
                try await client.resumeReading()
                try await sending.value
                let expected = count * (10 + size)
                #expect(await eventually { client.bytes.count - handshake >= expected })
            }
        }
    }
}
