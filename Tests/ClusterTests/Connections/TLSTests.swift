import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// TLS for clients.
    @Suite
    struct TLSTests {
        private let certificate: TestCertificate

        init() throws {
            self.certificate = try TestCertificate()
        }

        /// A `ClientHello` of TLS 1.0 to 1.2, without extensions.
        /// - Parameter minor: 2 is TLS 1.1, 3 is TLS 1.2.
        private static func hello(minor: UInt8) -> [UInt8] {
            let body: [UInt8] =
                [3, minor] + [UInt8](repeating: 7, count: 32) + [0]
                // ECDHE with ECDSA and AES: GCM, and CBC for the older ones.
                + [0, 4, 0xC0, 0x2B, 0xC0, 0x09] + [1, 0]
            let message: [UInt8] = [1, 0, 0, UInt8(body.count)] + body
            return [22, 3, 1, 0, UInt8(message.count)] + message
        }

        private func metric(_ name: String, of node: TestNode) async throws -> Int? {
            let lines = try await node.request("GET", "/metrics").body.split(separator: "\n")
            return lines.first { $0.hasPrefix("\(name) ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
        }

        @Test
        func `wss and https work as ws and http do`() async throws {
            try await withSingleNode(tls: self.certificate) { node in
                let sender = try await node.connect()
                let listener = try await node.connect()
                let listed = try await eventually { try await node.count() == 2 }
                #expect(listed)
                let texts = (0..<200).map { "message \($0)" }
                try await sender.send(texts)
                let payload = [UInt8](repeating: 9, count: 1_000_000)
                try await sender.send(payload)
                try await sender.see { $0 == .binary(payload) }
                #expect(try await node.broadcast("the end", query: "?wait=written").recipients == 2)
                let seen = try await listener.everything(until: "the end")
                #expect(seen.dropLast().map(\.message) == texts)
                #expect(seen.last == .binary(payload))
                try await sender.close()
                #expect(await sender.closed() == 1000)
                #expect(try await node.request("GET", "/nothing").status == 404)
            }
        }

        @Test
        func `SIGHUP: new connections get the new certificate, those that stand stay; bad files change nothing and are logged`()
            async throws
        {
            let next = try TestCertificate()
            try await withSingleNode(tls: self.certificate) { node in
                let old = try await node.connect()
                try self.certificate.replaceFiles(with: next)
                // Nobody has asked for it yet.
                #expect(try await node.request("GET", "/livez").status == 200)
                node.process.reload()
                let isNew = await eventually {
                    await (try? HTTPTestClient(port: node.process.port, tls: next.client).request("GET", "/livez"))?.status == 200
                }
                #expect(isNew)
                await #expect(throws: (any Error).self) { try await node.request("GET", "/livez") }
                let new = try await node.connect(options: .init(tls: next.client))
                try await old.send("still here")
                try await new.see { $0.message == "still here" }

                try Data().write(to: URL(fileURLWithPath: self.certificate.key))
                node.process.reload()
                let isLogged = await eventually { node.process.output.contains("Certificate not reloaded") }
                #expect(isLogged)
                #expect(node.process.output.contains("--tls-key"))
                let https = HTTPTestClient(port: node.process.port, tls: next.client)
                #expect(try await https.request("GET", "/livez").status == 200)
                try await new.send("and here")
                try await old.see { $0.message == "and here" }
            }
        }

        @Test
        func `Bad files stop the start: exit 78, and one line`() async throws {
            let expired = try TestCertificate(days: -1)
            let (good, other) = (self.certificate, try TestCertificate())
            for (options, part) in [
                (["--tls-certificate", good.certificate], "--tls-certificate"), (["--tls-key", good.key], "--tls-key"),
                (["--tls-certificate", "/nowhere", "--tls-key", good.key], "--tls-certificate \"/nowhere\""),
                (["--tls-certificate", good.certificate, "--tls-key", "/nowhere"], "--tls-key \"/nowhere\""),
                (["--tls-certificate", good.certificate, "--tls-key", other.key], "must be the key of the certificate"),
                (expired.options, "this one expired at"),
            ] {
                let (status, output, errors) = try await VolaryProcess.run(options)
                #expect(status == 78)
                #expect(errors.hasPrefix("volary: --tls-") && errors.contains(part), "\(errors)")
                #expect(errors.filter(\.isNewline).count == 1 && output.isEmpty, "\(errors)")
            }
        }

        @Test
        func `What is no handshake ends the connection, is counted, and is no news at the usual log level`() async throws {
            try await withSingleNode(tls: self.certificate) { node in
                for bytes in [
                    Array(HandshakeTests.request("/ws").utf8), [22, 3, 1, 0, 200, 1], [UInt8](repeating: 0, count: 3000),
                ] {
                    let client = try await RawTestClient.connect(port: node.process.port)
                    try await client.send(bytes: bytes)
                    if bytes.count == 6 { try await client.endOutput() }
                    let ended = await eventually { client.isEnded }
                    #expect(ended)
                    #expect(!client.received.contains("HTTP/1.1"))
                }
                #expect(try await self.metric("volary_tls_handshakes_failed_total", of: node) == 3)
                #expect(!node.process.output.contains("handshake"))
                #expect(!node.process.output.contains("rror"), "\(node.process.output)")
            }
        }

        @Test func `TLS 1.2 has suites with AES-GCM and ChaCha20, and none with CBC`() async throws {
            try await withSingleNode(tls: self.certificate) { node in
                func isTaken(_ suite: String) -> Bool {
                    TestCertificate.handshakeSucceeds(port: node.process.port, ["-tls1_2", "-cipher", "\(suite):@SECLEVEL=0"])
                }
                for suite in ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"] {
                    #expect(isTaken(suite), "\(suite)")
                }
                for suite in ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA"] { #expect(!isTaken(suite), "\(suite)") }
                #expect(TestCertificate.handshakeSucceeds(port: node.process.port, ["-tls1_3"]))
            }
        }

        @Test
        func `TLS 1.1 is refused as a version, 1.2 is not`() async throws {
            try await withSingleNode(tls: self.certificate) { node in
                for (minor, isRefused) in [(UInt8(1), true), (2, true), (3, false)] {
                    let client = try await RawTestClient.connect(port: node.process.port)
                    try await client.send(bytes: Self.hello(minor: minor))
                    let answered = await eventually { client.bytes.count >= 7 }
                    #expect(answered)
                    // A fatal alert, "protocol_version" (RFC 5246 section 7.2).
                    let isAlert = client.bytes.first == 21 && Array(client.bytes[5..<7]) == [2, 70]
                    #expect(isAlert == isRefused, "\(client.bytes.prefix(7))")
                }
            }
        }

        @Test
        func `A handshake that does not come to its end is cut, before, within and after TLS`() async throws {
            try await withSingleNode(options: Cluster.quiet + ["--handshake-timeout", "700ms"], tls: self.certificate) { node in
                let began = ContinuousClock.now
                var stalled: [RawTestClient] = []
                for bytes in [[], Array(Self.hello(minor: 3).dropLast(5)), Self.hello(minor: 3)] {
                    let client = try await RawTestClient.connect(port: node.process.port)
                    try await client.send(bytes: bytes)
                    stalled.append(client)
                }
                let secure = try await RawTestClient.connect(port: node.process.port, tls: node.process.tls)
                try await secure.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n")
                stalled.append(secure)
                for client in stalled {
                    let ended = await eventually { client.isEnded }
                    #expect(ended)
                }
                #expect(ContinuousClock.now - began > .milliseconds(600))
                #expect(!secure.isTruncated)
            }
        }

        @Test
        func `Behind a proxy that says who the client is, its PROXY header comes before TLS`() async throws {
            let options = [
                "--proxy-protocol", "on", "--trusted-proxies", "127.0.0.0/8", "--max-connections-per-address", "1",
                "--handshake-timeout", "2s",
            ]
            let process = try await VolaryProcess.start(Cluster.quiet + options, tls: self.certificate, until: .running)
            defer { process.kill() }
            func header(_ host: Int) -> [UInt8] { Array("PROXY TCP4 192.0.2.\(host) 10.0.0.1 4711 443\r\n".utf8) }
            func open(_ preface: [UInt8]) async throws -> RawTestClient {
                let client = try await RawTestClient.connect(port: process.port, tls: process.tls, preface: preface)
                // Written into a handshake that fails, it fails.
                try? await client.send(HandshakeTests.request("/echo"))
                _ = await eventually { client.received.contains("\r\n\r\n") || client.isEnded }
                return client
            }
            var first: RawTestClient?
            // It has not been asked whether it is ready: nobody else could have.
            let isOpen = await eventually(within: .seconds(30)) {
                first = try? await open(header(1))
                return first?.received.hasPrefix("HTTP/1.1 101 ") == true
            }
            #expect(isOpen, "\(process.output)")
            #expect(try await open(header(1)).received.hasPrefix("HTTP/1.1 429 "))
            #expect(try await open(header(2)).received.hasPrefix("HTTP/1.1 101 "))
            // Without one, or without TLS behind it, there is no connection.
            #expect(try await open([]).received.isEmpty)
            let plain = try await RawTestClient.connect(port: process.port, preface: header(3))
            try await plain.send(HandshakeTests.request("/echo"))
            #expect(await eventually { plain.isEnded } && !plain.received.contains("HTTP/1.1"))
            let silent = try await RawTestClient.connect(port: process.port, preface: header(4))
            #expect(await eventually { silent.isEnded }, "TLS counts into --handshake-timeout, behind a PROXY header too")
            #expect(first?.isEnded == false)
        }

        @Test
        func `A client that ends its half gets all of its answer, and an end that TLS calls clean`() async throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("volary-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: directory) }
            let script = Data(repeating: UInt8(ascii: "x"), count: 12_000_000)
            try script.write(to: directory.appendingPathComponent("swagger-ui-bundle.js"))
            try Data("y".utf8).write(to: directory.appendingPathComponent("swagger-ui.css"))
            try await withSingleNode(options: ["--swagger-assets", directory.path], tls: self.certificate) { node in
                let path = "/swagger/swagger-ui-bundle.js"
                for header in ["", "Connection: close\r\n"] {
                    let client = try await RawTestClient.connect(port: node.process.port, tls: node.process.tls)
                    try await client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    let isOpen = await eventually { client.received.contains("true") }
                    #expect(isOpen)
                    // More is to come than the kernels hold between the two, so that some of it waits in the node.
                    try await client.stopReading()
                    try await client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(header)\r\n")
                    try await client.endOutput()
                    try await Task.sleep(for: .milliseconds(300))
                    try await client.resumeReading()
                    let ended = await eventually(within: .seconds(30)) { client.isEnded }
                    #expect(ended)
                    #expect(client.bytes.count > script.count, "\(client.bytes.count) \(client.received.prefix(300))")
                    #expect(!client.isTruncated)
                }
            }
        }

        @Test
        func `What ends without an answer of the router ends cleanly too: a refused upgrade, a bad request, a closed WebSocket`()
            async throws
        {
            try await withSingleNode(tls: self.certificate) { node in
                let close: [UInt8] = [0x88, 0x80, 0, 0, 0, 0]
                for bytes in [
                    Array(HandshakeTests.request("/nothing").utf8), Array("GET / HTTP/1.1\r\n\r\n".utf8),
                    Array(HandshakeTests.request("/echo").utf8) + close,
                ] {
                    let client = try await RawTestClient.connect(port: node.process.port, tls: node.process.tls)
                    try await client.send(bytes: bytes)
                    let ended = await eventually { client.isEnded }
                    #expect(ended)
                    #expect(client.received.hasPrefix("HTTP/1.1 "))
                    #expect(!client.isTruncated, "\(client.received)")
                }
            }
        }

        @Test
        func `A client that does not read is given up, and nobody waits for it`() async throws {
            let options = Cluster.quiet + ["--max-unsent", "64KiB", "--close-timeout", "1s"]
            try await withSingleNode(options: options, tls: self.certificate) { node in
                let slow = try await RawTestClient.connect(port: node.process.port, tls: node.process.tls)
                try await slow.send(HandshakeTests.request("/ws"))
                #expect(await eventually { slow.received.contains("101 Switching Protocols") })
                try await slow.stopReading()
                let sender = try await node.connect()
                let listed = try await eventually { try await node.count() == 2 }
                #expect(listed)
                let payload = [UInt8](repeating: 9, count: 1_000_000)
                for _ in 0..<40 {
                    try await sender.send(payload)
                    #expect(try await sender.see() == .binary(payload))
                }
                let gone = try await eventually { try await node.count() == 1 }
                #expect(gone)
                #expect(try await node.broadcast("to those who listen").recipients == 1)
            }
        }

        @Test
        func `SIGTERM closes its clients with 1012 and ends with 0, also with those that never answer`() async throws {
            let options = Cluster.quiet + ["--drain-timeout", "2s", "--close-timeout", "1s"]
            let process = try await VolaryProcess.start(options, tls: self.certificate)
            let node = TestNode(name: "solo", process: process)
            var clients: [WebSocketTestClient] = []
            for _ in 0..<10 { clients.append(try await node.connect()) }
            let stubborn = try await node.connect(options: .init(answersClose: false))
            let halfway = try await RawTestClient.connect(port: process.port)
            let silent = try await RawTestClient.connect(port: process.port, tls: process.tls)
            try await silent.send("GET ")
            #expect(await process.terminate(within: .seconds(10)) == 0)
            for client in clients + [stubborn] { #expect(await client.closed() == 1012) }
            let ended = await eventually { halfway.isEnded && silent.isEnded }
            #expect(ended)
        }
    }
}
