import NIOHPACK
import NIOHTTP1
import NIOHTTP2
import Testing

@testable import VolaryNode

/// Heads of HTTP/2 in the form of HTTP/1.1, and back.
@Suite
struct HTTP2HeadTests {
    private typealias Fault = HTTPErrorHandler.Fault

    private static let start = [(":method", "GET"), (":scheme", "https"), (":path", "/a?b=c")]

    private func head(_ fields: [(String, String)], _ settings: HTTPSettings = EmbeddedServer.settings) throws -> HTTPRequestHead
    {
        try HTTPRequestHead(HPACKHeaders(fields), settings: settings)
    }

    private func fault(_ fields: [(String, String)], _ settings: HTTPSettings = EmbeddedServer.settings) -> Fault? {
        do throws(Fault) {
            _ = try HTTPErrorHandler.checked(HTTPRequestHead(HPACKHeaders(fields), settings: settings))
            return nil
        } catch {
            return error
        }
    }

    // MARK: - Requests

    @Test func `Pseudo-headers become method, target and Host, and no others stay`() throws {
        let head = try self.head(Self.start + [(":authority", "h:1"), ("accept", "a"), ("accept", "b")])
        #expect(head.method == .GET)
        #expect(head.uri == "/a?b=c")
        #expect(head.version == .http1_1)
        #expect(head.headers.map { "\($0.name)=\($0.value)" } == ["accept=a", "accept=b", "host=h:1"])
    }

    @Test(arguments: ["DELETE", "OPTIONS", "CONNECT", "M-SEARCH", "SOURCE", "QUERY"])
    func `A method of HTTP_1_1 is taken as it is`(method: String) throws {
        #expect(try self.head([(":method", method), (":path", "/")]).method.rawValue == method)
    }

    @Test(arguments: ["", "get", "Get", "NONSENSE", "MSEARCH", "PRI", "GET ", "connect", "DESCRIBE", "\u{E9}"])
    func `A method that HTTP_1_1 does not know is refused`(method: String) {
        #expect(self.fault([(":method", method), (":path", "/"), (":authority", "h")]) == .malformed)
    }

    @Test(arguments: [
        ([], nil), (["0"], nil), (["15"], nil), (["0015"], nil), (["15", "15"], Fault.malformed), (["15, 15"], .malformed),
        (["15,15"], .malformed), (["+15"], .malformed), (["-0"], .malformed), (["1x"], .malformed), (["0x1"], .malformed),
        ([""], .malformed), (["\u{661}"], .malformed),
    ])
    func `A length is one number`(lengths: [String], fault: HTTPErrorHandler.Fault?) {
        #expect(self.fault(Self.start + [(":authority", "h")] + lengths.map { ("content-length", $0) }) == fault)
    }

    @Test(arguments: [
        ("", nil), ("a", nil), ("a b\tc", nil), ("\u{E9}", nil), (" a", Fault.malformed), ("a ", .malformed), ("\ta", .malformed),
        ("a\t", .malformed), (" ", .malformed), ("a\u{1}b", .malformed), ("a\u{7F}", .malformed), ("a\nb", .malformed),
    ])
    func `A value has neither control characters nor whitespace at its ends`(value: String, fault: HTTPErrorHandler.Fault?) {
        #expect(self.fault(Self.start + [(":authority", "h"), ("x", value)]) == fault)
    }

    @Test(arguments: [("http", nil), ("HTTPS", nil), ("ftp", Fault.malformed), ("", .malformed), ("httpx", .malformed)])
    func `The scheme is http or https`(scheme: String, fault: HTTPErrorHandler.Fault?) {
        #expect(self.fault([(":method", "GET"), (":scheme", scheme), (":path", "/"), (":authority", "h")]) == fault)
    }

    @Test func `An extended CONNECT becomes GET`() throws {
        let head = try self.head([(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/ws"), (":authority", "h")])
        #expect(head.method == .GET)
        #expect(head.uri == "/ws")
    }

    @Test(arguments: [
        ([(":authority", "h")], ["h"]), ([("host", "h")], ["h"]), ([(":authority", "h"), ("host", "H")], ["h"]),
        ([], []),
    ])
    func `The authority is the Host, if there is one`(fields: [(String, String)], hosts: [String]) throws {
        #expect(try self.head(Self.start + fields).headers["host"] == hosts)
    }

    @Test(arguments: [
        ([(":authority", "h"), ("host", "other")], Fault.malformed), ([(":authority", "h"), ("host", "")], .malformed),
        ([(":authority", "h"), ("host", "h"), ("host", "other")], .badHost), ([], .badHost),
        ([(":authority", "h"), ("host", "h"), ("host", "h")], .badHost),
        ([("host", "h"), ("host", "h")], .badHost), ([(":authority", "a b")], .badHost),
        ([(":authority", "h"), ("origin", "https://\u{E9}")], .notASCII(field: "Origin")),
        ([(":authority", "h\u{301}")], .notASCII(field: "Host")),
    ])
    func `Two different hosts, none, and a bad one are refused`(fields: [(String, String)], fault: HTTPErrorHandler.Fault) {
        #expect(self.fault(Self.start + fields) == fault)
    }

    @Test(arguments: [
        ("/\u{E9}", Fault.malformed), ("", .malformed), ("a", .malformed), ("*", nil), ("//x", nil), ("http://h/x", nil),
    ])
    func `A target is judged as that of HTTP_1_1`(path: String, fault: HTTPErrorHandler.Fault?) {
        #expect(self.fault([(":method", "GET"), (":path", path), (":authority", "h")]) == fault)
    }

    @Test func `A plain CONNECT is a tunnel`() {
        #expect(self.fault([(":method", "CONNECT"), (":authority", "h:443")]) == .tunnel)
    }

    // MARK: - Limits

    private static func limits(bytes: Int = 16_384, fields: Int = 100) -> HTTPSettings {
        var settings = EmbeddedServer.settings
        settings.maximumHeaderBytes = bytes
        settings.maximumHeaderFields = fields
        return settings
    }

    /// Names and values of ``start`` and of an authority `h`.
    private static let startBytes = 7 + 3 + 7 + 5 + 5 + 6 + 10 + 1

    @Test(arguments: [(0, nil), (1, HTTPErrorHandler.Fault.headerTooLarge)])
    func `Pseudo-headers count as bytes, and one byte over the limit is too many`(over: Int, fault: HTTPErrorHandler.Fault?) {
        let fields = Self.start + [(":authority", "h"), ("a", String(repeating: "x", count: 99 + over))]
        #expect(self.fault(fields, Self.limits(bytes: Self.startBytes + 100)) == fault)
    }

    @Test(arguments: [(3, nil), (4, HTTPErrorHandler.Fault.headerTooLarge)])
    func `One field over the limit is too many, pseudo-headers apart`(count: Int, fault: HTTPErrorHandler.Fault?) {
        let fields = Self.start + [(":authority", "h")] + (0..<count).map { ("a\($0)", "") }
        #expect(self.fault(fields, Self.limits(fields: 3)) == fault)
    }

    // MARK: - Answers

    @Test func `An answer loses the fields of a connection, and its names are lower case`() {
        let head = HTTPResponseHead(
            version: .http1_1,
            status: .notFound,
            headers: [
                "Content-Length": "3", "Connection": "close", "Keep-Alive": "1", "Proxy-Connection": "x",
                "Transfer-Encoding": "chunked", "UPGRADE": "websocket", "ETag": "\"a\"",
            ]
        )
        #expect(HPACKHeaders(head).map { "\($0.name)=\($0.value)" } == [":status=404", "content-length=3", "etag=\"a\""])
    }

    // MARK: - Settings

    @Test(arguments: [(1, 1), (1000, 16_384)])
    func `The settings of a connection follow the node's`(streams: Int, headerBytes: Int) {
        let settings = HTTP2Settings(maximumStreams: streams, maximumHeaderBytes: headerBytes)
        let configuration = settings.configuration
        let sent = Dictionary(configuration.connection.initialSettings.map { ($0.parameter, $0.value) }) { $1 }
        #expect(
            sent == [.maxConcurrentStreams: streams, .maxHeaderListSize: 2 * headerBytes, .enableConnectProtocol: 1]
        )
        #expect(configuration.connection.targetWindowSize == 1 << 20)
        #expect(configuration.connection.maximumBufferedControlFrames == 1000 + streams)
        #expect(configuration.stream.targetWindowSize == 65_535)
        #expect(configuration.stream.outboundBufferSizeHighWatermark == 65_536)
        #expect(configuration.stream.outboundBufferSizeLowWatermark == 32_768)
        #expect(configuration.stream.streamResetFrameRateLimit.maximumCount == 300)
    }
}
