import NIOCore
import NIOEmbedded
import NIOExtras
import NIOTLS
import TestSupport
import Testing

@testable import VolaryNode

/// HTTP/1.1 or HTTP/2, before the first request.
@Suite
struct ProtocolNegotiationTests {
    private final class Bytes: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        var received: [UInt8] = []
        var completions = 0

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.received += Array(self.unwrapInboundIn(data).readableBytesView)
        }

        /// Called once, at the end of the first read.
        var onCompletion: () -> Void = {}

        func channelReadComplete(context: ChannelHandlerContext) {
            self.completions += 1
            let action = self.onCompletion
            self.onCompletion = {}
            action()
        }
    }

    private final class Decisions {
        var versions: [ProtocolNegotiation.Version] = []
    }

    private struct Refused: Error {}

    private let channel = EmbeddedChannel()
    private let wire = Wire()
    private let bytes = Bytes()
    private let decisions = Decisions()

    private func add(isSecure: Bool = false, fails: Bool = false) throws {
        let (bytes, decisions, channel) = (self.bytes, self.decisions, self.channel)
        let negotiation = ProtocolNegotiation(isSecure: isSecure, timeout: .seconds(10)) { version, rest in
            decisions.versions.append(version)
            #expect(rest <= .seconds(10))
            if fails { throw Refused() }
            try channel.pipeline.syncOperations.addHandler(bytes)
        }
        try self.channel.pipeline.syncOperations.addHandlers([self.wire, negotiation])
        self.channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    private func receive(_ bytes: [UInt8]) {
        self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        self.channel.pipeline.fireChannelReadComplete()
    }

    private var isPresent: Bool {
        (try? self.channel.pipeline.syncOperations.handler(type: ProtocolNegotiation.self)) != nil
    }

    // MARK: - Without TLS

    @Test func `The preface is HTTP_2, cut at every byte, and arrives whole`() throws {
        let all = HTTP2Bytes.start
        for cut in 0...all.count {
            let test = ProtocolNegotiationTests()
            try test.add()
            for part in [all[..<cut], all[cut...]] where !part.isEmpty { test.receive(Array(part)) }
            #expect(test.decisions.versions == [.http2])
            #expect(test.bytes.received == all)
            #expect(!test.isPresent)
        }
    }

    @Test(arguments: [HTTP2Bytes.start, Array("GET / HTTP/1.1\r\n\r\n".utf8)])
    func `Bytes that are read while the first ones are passed on come after them, once`(first: [UInt8]) throws {
        try self.add()
        self.bytes.onCompletion = { self.receive([1, 2, 3]) }
        self.receive(first)
        #expect(self.decisions.versions.count == 1)
        #expect(self.bytes.received == first + [1, 2, 3])
        #expect(!self.isPresent)
    }

    @Test func `It may come byte by byte, and nothing is passed on before its end`() throws {
        try self.add()
        for byte in HTTP2Bytes.preface.dropLast() { self.receive([byte]) }
        #expect(self.decisions.versions.isEmpty)
        self.receive([HTTP2Bytes.preface[23]])
        #expect(self.decisions.versions == [.http2])
        #expect(self.bytes.received == HTTP2Bytes.preface)
        #expect(self.bytes.completions >= 1)
    }

    @Test(arguments: [
        "G", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "PRI / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nXX",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "pri * HTTP/2.0", "\r\nPRI * HTTP/2.0", "\u{0}",
    ])
    func `Anything else is HTTP_1, with all of its bytes, whole or one by one`(text: String) throws {
        let bytes = Array(text.utf8)
        for parts in [[bytes], bytes.map { [$0] }] {
            let test = ProtocolNegotiationTests()
            try test.add()
            for part in parts { test.receive(part) }
            #expect(test.decisions.versions == [.http1])
            #expect(test.bytes.received == bytes)
            #expect(!test.isPresent)
        }
    }

    @Test(arguments: ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"])
    func `A client that does not go on is closed when its time is up`(text: String) throws {
        try self.add()
        if !text.isEmpty { self.receive(Array(text.utf8)) }
        self.channel.embeddedEventLoop.advanceTime(by: .milliseconds(9900))
        #expect(!self.wire.isClosed)
        self.channel.embeddedEventLoop.advanceTime(by: .milliseconds(200))
        #expect(self.wire.isClosed)
        #expect(self.decisions.versions.isEmpty)
    }

    @Test func `A decision ends the time`() throws {
        try self.add()
        self.receive([1])
        self.channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(!self.wire.isClosed)
    }

    @Test(arguments: [true, false], [true, false])
    func `A server that stops, or a client that closes its half, ends the socket before a decision`(
        isSecure: Bool,
        stops: Bool
    ) throws {
        try self.add(isSecure: isSecure)
        if stops {
            self.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        } else {
            self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        #expect(self.wire.isClosed)
    }

    @Test func `Handlers that cannot be added end the socket`() throws {
        try self.add(fails: true)
        self.receive(HTTP2Bytes.start)
        #expect(self.wire.isClosed)
        #expect(self.bytes.received.isEmpty)
    }

    // MARK: - With TLS

    @Test(arguments: [
        ("h2" as String?, ProtocolNegotiation.Version.http2), ("http/1.1", .http1), ("http/1.0", .http1), ("", .http1),
        (nil, .http1),
    ])
    func `With TLS the negotiated protocol decides, and not the bytes`(name: String?, version: ProtocolNegotiation.Version) throws
    {
        try self.add(isSecure: true)
        #expect(self.decisions.versions.isEmpty)
        self.channel.pipeline.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: name))
        #expect(self.decisions.versions == [version])
        #expect(!self.isPresent)
        self.receive(HTTP2Bytes.start)
        #expect(self.decisions.versions == [version])
        #expect(self.bytes.received == HTTP2Bytes.start)
    }
}
