import NIOCore
import NIOEmbedded
import Testing

@testable import VolaryNode

/// PROXY headers, versions 1 and 2.
@Suite
struct ProxyHeaderTests {
    enum Outcome: Equatable {
        case incomplete
        case malformed
        /// With the bytes that are left.
        case source(String?, rest: Int)
    }

    private func read(_ bytes: [UInt8]) -> Outcome {
        var buffer = ByteBuffer(bytes: bytes)
        do {
            guard let header = try ProxyHeader.next(&buffer) else {
                return buffer.readableBytes == bytes.count ? .incomplete : .malformed
            }
            guard let source = header.source else { return .source(nil, rest: buffer.readableBytes) }
            return .source(Self.known.first { IPAddress($0) == source } ?? "other", rest: buffer.readableBytes)
        } catch {
            return .malformed
        }
    }

    private static let known = ["192.0.2.7", "2001:db8::7", "255.255.255.255"]
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    /// Version 2.
    static func binary(_ payload: some Collection<UInt8>) -> [UInt8] { self.binary(0x21, 0x11, Array(payload)) }

    static func binary(_ command: UInt8, _ family: UInt8, _ payload: [UInt8]) -> [UInt8] {
        Self.signature + [command, family, UInt8(payload.count >> 8), UInt8(payload.count & 255)] + payload
    }

    static let ipv4: [UInt8] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80]
    static let ipv6: [UInt8] =
        [0x20, 1, 0x0D, 0xB8] + .init(repeating: 0, count: 11) + [7] + .init(repeating: 1, count: 16) + [1, 2, 0, 80]

    // MARK: - Whole ones

    @Test(arguments: [
        ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n", "192.0.2.7"),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
        ("PROXY TCP6 2001:db8::7 ::1 0 80\r\n", "2001:db8::7"),
        ("PROXY UNKNOWN\r\n", nil),
        ("PROXY UNKNOWN ffff:f...f:ffff whatever 65535\r\n", nil),
    ])
    func `A line names the client`(line: String, source: String?) {
        #expect(self.read(Array(line.utf8)) == .source(source, rest: 0))
        #expect(self.read(Array((line + "GET / HTTP/1.1\r\n").utf8)) == .source(source, rest: 16))
    }

    @Test(arguments: [
        (Self.binary(ipv4), "192.0.2.7"),
        (Self.binary(0x21, 0x21, ipv6), "2001:db8::7"),
        (Self.binary(ipv4 + [4, 0, 2, 1, 2] + [0x20, 0, 0]), "192.0.2.7"),
        (Self.binary(0x20, 0x00, []), nil),
        (Self.binary(0x20, 0x11, ipv4), nil),
        (Self.binary(0x20, 0xFF, [1, 2, 3]), nil),
        (Self.binary(0x21, 0x00, []), nil),
        (Self.binary(0x21, 0x00, [9, 9, 9]), nil),
    ])
    func `A binary header names the client, or says that the proxy speaks for itself`(bytes: [UInt8], source: String?) {
        #expect(self.read(bytes) == .source(source, rest: 0))
        #expect(self.read(bytes + [71, 69, 84]) == .source(source, rest: 3))
    }

    @Test(arguments: [Array("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n".utf8), Self.binary(ipv4), Self.binary(0x21, 0x21, ipv6)])
    func `It may arrive byte by byte`(bytes: [UInt8]) {
        for count in 0..<bytes.count { #expect(self.read(Array(bytes[..<count])) == .incomplete, "\(count)") }
    }

    // MARK: - Bounds

    @Test func `A line has 107 bytes at most`() {
        let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 107 - 16) + "\r\n"
        #expect(self.read(Array(longest.utf8)) == .source(nil, rest: 0))
        #expect(self.read(Array(("PROXY UNKNOWN x" + longest.dropFirst(14)).utf8)) == .malformed)
        #expect(self.read(Array(longest.utf8.prefix(106))) == .incomplete)
        #expect(self.read(Array("PROXY UNKNOWN ".utf8) + .init(repeating: 0x78, count: 93)) == .malformed, "107 without an end")
    }

    @Test func `A binary header has 4 KiB of addresses and extensions at most, and is refused by its length`() {
        let extension4081 = [0xE0, 0x0F, 0xF1] as [UInt8] + .init(repeating: 0, count: 4081)
        let largest = Self.binary(Self.ipv4 + extension4081)
        #expect(largest.count == 16 + ProxyHeader.maximumPayloadBytes)
        #expect(self.read(largest) == .source("192.0.2.7", rest: 0))
        #expect(self.read(Self.signature + [0x21, 0x11, 0x10, 0x01]) == .malformed)
        #expect(self.read(Self.signature + [0x21, 0x11, 0x10, 0x00]) == .incomplete)
    }

    // MARK: - Malformed ones

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "POST", "PROXX", "proxy TCP4", "PROXY\r\n", "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 80 1\r\n", "PROXY TCP4  192.0.2.7 10.0.0.1 4711 80\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\n", "PROXY TCP4 2001:db8::7 ::1 4711 80\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.1 4711 80\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 65536 80\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 04711 80\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 -1 80\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 +1 80\r\n",
        "PROXY TCP4 192.0.2.256 10.0.0.1 1 80\r\n",
        "PROXY UDP4 192.0.2.7 10.0.0.1 4711 80\r\n", "PROXY TCP4 host 10.0.0.1 4711 80\r\n", "\r\n\r\n\0\r\nQUIX", "\0",
    ])
    func `A malformed line is refused`(line: String) {
        #expect(self.read(Array(line.utf8)) == .malformed)
    }

    @Test(arguments: [
        Self.binary(0x11, 0x11, ipv4), Self.binary(0x22, 0x11, ipv4), Self.binary(0x31, 0x11, ipv4),
        Self.binary(0x21, 0x12, ipv4),
        Self.binary(0x21, 0x31, .init(repeating: 0, count: 216)), Self.binary(0x21, 0x41, ipv4), Self.binary(ipv4.dropLast()),
        Self.binary(0x21, 0x21, ipv4), Self.binary(ipv4 + [4]), Self.binary(ipv4 + [4, 0]), Self.binary(ipv4 + [4, 0, 3, 1, 2]),
        Self.binary([]),
    ])
    func `A malformed binary header is refused`(bytes: [UInt8]) {
        #expect(self.read(bytes) == .malformed)
    }

    @Test func `Whatever is written, it is an answer and no crash`() {
        for _ in 0..<5000 {
            var bytes =
                Bool.random() ? Self.binary(Self.ipv4 + [4, 0, 1, 1]) : Array("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n".utf8)
            for _ in 0..<Int.random(in: 1...4) { bytes[.random(in: 0..<bytes.count)] = .random(in: 0...255) }
            _ = self.read(bytes)
        }
    }

    // MARK: - In the pipeline

    @Test func `What follows the header goes on, and the handler goes`() throws {
        for split in 1..<20 {
            let channel = EmbeddedChannel()
            var sources: [IPAddress?] = []
            try channel.pipeline.syncOperations.addHandler(ProxyProtocolHandler { sources.append($0?.source) })
            let bytes = Self.binary(Self.ipv4) + Array("GET".utf8)
            try channel.writeInbound(ByteBuffer(bytes: bytes[..<split]))
            try channel.writeInbound(ByteBuffer(bytes: bytes[split...]))
            try channel.writeInbound(ByteBuffer(string: "more"))
            #expect(sources == [IPAddress("192.0.2.7")])
            #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "GET"))
            #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "more"))
            #expect(throws: (any Error).self) { try channel.pipeline.syncOperations.handler(type: ProxyProtocolHandler.self) }
            _ = try channel.finish()
        }
    }

    @Test func `A malformed header ends the connection, and nothing of it goes on`() throws {
        let channel = EmbeddedChannel()
        var told: [Bool] = []
        try channel.pipeline.syncOperations.addHandler(ProxyProtocolHandler { told.append($0 != nil) })
        channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.pipeline.fireChannelRead(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        channel.pipeline.fireChannelRead(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(told == [false])
        #expect(!channel.isActive)
        #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
    }
}
