import TestSupport

/// Requests whose end two parsers may see at different places. Each is followed by ``next``, which only one of them may see as a
/// request.
struct SmugglingCase: Sendable {
    let name: String
    let bytes: String
    /// Statuses of the answers without a proxy. A final 200 means that ``next`` was parsed as a request.
    let statuses: [Int]

    private init(_ name: String, _ bytes: String, _ statuses: [Int]) {
        (self.name, self.bytes, self.statuses) = (name, bytes, statuses)
    }

    static let next = "GET /api/nodes HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    /// A part of the answer to ``next``, and of no other answer.
    static let proof = #""answeredBy""#

    private static let post = "POST /livez HTTP/1.1\r\nHost: h\r\n"
    private static let te = "Transfer-Encoding: chunked\r\n"
    private static let cl = "Content-Length: 3\r\n"
    private static let nextLength = "Content-Length: \(Self.next.utf8.count)\r\n"
    private static let handshake = HandshakeRequest.text().replacing("\r\n\r\n", with: "\r\n")
    private static let wrongVersion = Self.handshake.replacing(": 13\r\n", with: ": 8\r\n")

    static let all = Self.lengths + Self.encodings + Self.chunks + Self.lines + Self.upgrades

    /// Content-Length. The bytes after a body of three bytes are the next request; without such a body there is none.
    private static let lengths: [SmugglingCase] = [
        .init("CL.0: the next request is the body", "\(post)\(nextLength)\r\n\(next)", [405, 200]),
        .init("the same for a GET", "GET /livez HTTP/1.1\r\nHost: h\r\n\(nextLength)\r\n\(next)", [200, 200]),
        .init("no length at all", "\(post)\r\n", [405, 200]),
        .init("two that agree", "\(post)\(cl)\(cl)\r\nabc", [400]),
        .init("two that do not", "\(post)\(cl)Content-Length: 0\r\n\r\nabc", [400]),
        .init("a list that agrees", "\(post)Content-Length: 3, 3\r\n\r\nabc", [400]),
        .init("a list that does not", "\(post)Content-Length: 3,0\r\n\r\nabc", [400]),
        .init("a sign +", "\(post)Content-Length: +3\r\n\r\nabc", [400]),
        .init("a sign -", "\(post)Content-Length: -3\r\n\r\nabc", [400]),
        .init("hexadecimal", "\(post)Content-Length: 0x3\r\n\r\nabc", [400]),
        .init("a space within", "\(post)Content-Length: 3 3\r\n\r\nabc", [400]),
        .init("a space after it", "\(post)Content-Length: 3 \r\n\r\nabc", [405, 200]),
        .init("a zero before it", "\(post)Content-Length: 03\r\n\r\nabc", [405, 200]),
        .init("empty", "\(post)Content-Length: \r\n\r\nabc", [400]),
        .init("a fraction", "\(post)Content-Length: 3.0\r\n\r\nabc", [400]),
        .init("a letter after it", "\(post)Content-Length: 3x\r\n\r\nabc", [400]),
        .init("a NUL after it", "\(post)Content-Length: 3\u{0}\r\n\r\nabc", [400]),
        .init("a digit of another script", "\(post)Content-Length: \u{D9}\u{A3}\r\n\r\nabc", [400]),
        .init("3 + 2^64", "\(post)Content-Length: 18446744073709551619\r\n\r\nabc", [413]),
        .init("2^63", "\(post)Content-Length: 9223372036854775808\r\n\r\nabc", [405]),
        .init("a space before the colon", "\(post)Content-Length : 3\r\n\r\nabc", [400]),
        .init("named by Connection", "\(post)\(cl)Connection: Content-Length\r\n\r\nabc", [405, 200]),
        .init(
            "refused with Expect, although the body was sent",
            "\(post)\(nextLength)Expect: 100-continue\r\n\r\n\(next)",
            [405, 200]
        ),
        .init("with an unknown Expect", "\(post)\(cl)Expect: 200-ok\r\n\r\nabc", [405, 200]),
    ]

    /// Transfer-Encoding, alone and with Content-Length.
    private static let encodings: [SmugglingCase] = [
        .init("CL.TE", "\(post)Content-Length: 4\r\n\(te)\r\n0\r\n\r\n", [400]),
        .init("TE.CL", "\(post)\(te)Content-Length: 4\r\n\r\n0\r\n\r\n", [400]),
        .init("twice", "\(post)\(te)\(te)\r\n0\r\n\r\n", [400]),
        .init("identity", "\(post)Transfer-Encoding: identity\r\n\(cl)\r\nabc", [400]),
        .init("chunked, identity", "\(post)Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", [400]),
        .init("gzip, chunked", "\(post)Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [400]),
        .init("xchunked", "\(post)Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [400]),
        .init("ChUnKeD", "\(post)Transfer-Encoding: ChUnKeD\r\n\r\n0\r\n\r\n", [405, 200]),
        .init("after a tab", "\(post)Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", [405, 200]),
        .init("after a vertical tab", "\(post)Transfer-Encoding: \u{B}chunked\r\n\r\n0\r\n\r\n", [400]),
        .init("a space before the colon", "\(post)Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", [400]),
        .init("a tab before the colon", "\(post)Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", [400]),
        .init("in quotes", "\(post)Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", [400]),
        .init("with a parameter", "\(post)Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", [400]),
        .init("empty", "\(post)Transfer-Encoding: \r\n\(cl)\r\nabc", [400]),
        .init("after an empty element", "\(post)Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", [405, 200]),
        .init("on a folded line", "\(post)Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", [400]),
        .init("with an underscore", "\(post)Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", [405, 200]),
        .init("with a NUL", "\(post)Transfer-Encoding: chunked\u{0}\r\n\r\n0\r\n\r\n", [400]),
        .init("with a byte beyond ASCII", "\(post)Transfer-Encoding: chunked\u{80}\r\n\r\n0\r\n\r\n", [400]),
        .init("in HTTP/1.0", "POST /livez HTTP/1.0\r\nHost: h\r\n\(te)Connection: keep-alive\r\n\r\n0\r\n\r\n", [400]),
        .init("named by Connection", "\(post)\(te)Connection: Transfer-Encoding\r\n\r\n0\r\n\r\n", [405, 200]),
    ]

    /// Chunked bodies. The answer is sent before the body; an invalid body ends the connection.
    private static let chunks: [SmugglingCase] = [
        .init("an extension", "\(post)\(te)\r\n3;a=b\r\nabc\r\n0\r\n\r\n", [405, 200]),
        .init("an extension with LF", "\(post)\(te)\r\n3;\nxx\r\nabc\r\n0\r\n\r\n", [405]),
        .init("an extension with CR", "\(post)\(te)\r\n3;\rxx\r\nabc\r\n0\r\n\r\n", [405]),
        .init("a size 0x3", "\(post)\(te)\r\n0x3\r\nabc\r\n0\r\n\r\n", [405]),
        .init("a size +3", "\(post)\(te)\r\n+3\r\nabc\r\n0\r\n\r\n", [405]),
        .init("a size -1", "\(post)\(te)\r\n-1\r\nabc\r\n0\r\n\r\n", [405]),
        .init("a size before a space", "\(post)\(te)\r\n3 \r\nabc\r\n0\r\n\r\n", [405]),
        .init("a size after a space", "\(post)\(te)\r\n 3\r\nabc\r\n0\r\n\r\n", [405]),
        .init("a size with many zeros", "\(post)\(te)\r\n0000000000000000000003\r\nabc\r\n0\r\n\r\n", [405, 200]),
        .init("a size of 3 + 2^64", "\(post)\(te)\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", [405]),
        .init("no size", "\(post)\(te)\r\n\r\nabc\r\n0\r\n\r\n", [405]),
        .init("lines that end with LF", "\(post)\(te)\r\n3\nabc\n0\n\n", [405]),
        .init("LF after the data", "\(post)\(te)\r\n3\r\nabc\n0\r\n\r\n", [405]),
        .init("data longer than its size", "\(post)\(te)\r\n3\r\nabcXX0\r\n\r\n", [405]),
        .init("Content-Length in the trailer", "\(post)\(te)\r\n3\r\nabc\r\n0\r\nContent-Length: 99\r\n\r\n", [405]),
        .init("Transfer-Encoding in the trailer", "\(post)\(te)\r\n3\r\nabc\r\n0\r\n\(te)\r\n", [405]),
        .init("Host in the trailer", "\(post)\(te)\r\n3\r\nabc\r\n0\r\nHost: evil\r\n\r\n", [405, 200]),
    ]

    /// Lines of the head.
    private static let lines: [SmugglingCase] = [
        .init("all end with LF", "POST /livez HTTP/1.1\nHost: h\nContent-Length: 3\n\nabc", [400]),
        .init("one ends with LF", "\(post)X: a\nContent-Length: 3\r\n\r\nabc", [400]),
        .init("one ends with CR", "\(post)X: a\rContent-Length: 3\r\n\r\nabc", [400]),
        .init("one ends with CR CR LF", "\(post)X: a\r\r\n\(cl)\r\nabc", [400]),
        .init("the head ends with LF", "\(post)\(cl)\nabc", [400]),
        .init("a folded line", "\(post)X: a\r\n b\r\n\(cl)\r\nabc", [400]),
        .init("a length on a folded line", "\(post)X: a\r\n\tContent-Length: 3\r\n\r\nabc", [400]),
        .init("a folded first field", "POST /livez HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n", [400]),
        .init("one without a colon", "\(post)Nonsense\r\n\(cl)\r\nabc", [400]),
        .init("one without a name", "\(post): x\r\n\(cl)\r\nabc", [400]),
        .init("a name with a space", "\(post)X Y: x\r\n\(cl)\r\nabc", [400]),
        .init("a name with a NUL", "\(post)X\u{0}: x\r\n\(cl)\r\nabc", [400]),
        .init("a name beyond ASCII", "\(post)X\u{E9}: x\r\n\(cl)\r\nabc", [400]),
        .init("a value with a NUL", "\(post)X: a\u{0}b\r\n\(cl)\r\nabc", [400]),
        .init("a value with DEL", "\(post)X: a\u{7F}b\r\n\(cl)\r\nabc", [400]),
        .init("two Hosts", "\(post)Host: evil\r\n\(cl)\r\nabc", [400]),
        .init("no Host", "POST /livez HTTP/1.1\r\n\(cl)\r\nabc", [400]),
        .init("garbage", "\u{0}\u{1}\r\n\r\n", [400]),
        .init("the last request", "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", [200]),
        .init("HTTP/1.0", "GET /livez HTTP/1.0\r\nHost: h\r\n\r\n", [200]),
        .init("HEAD", "HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n", [200, 200]),
        .init("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
        .init(
            "other names for the target",
            "GET /livez HTTP/1.1\r\nHost: h\r\nX-Original-URL: /api/nodes\r\nX-Rewrite-URL: /api/nodes\r\nX-HTTP-Method-Override: PUT\r\n\r\n",
            [200, 200]
        ),
    ]

    /// Upgrades, after which only one of two parsers may expect HTTP.
    private static let upgrades: [SmugglingCase] = [
        .init("a refused version", "\(wrongVersion)\r\n", [426]),
        .init("an unknown path", "\(handshake.replacing("/ws", with: "/nothing"))\r\n", [404]),
        .init("with a body", "\(handshake)\(nextLength)\r\n\(next)", [400]),
        .init("refused, with a body", "\(wrongVersion)\(nextLength)\r\n\(next)", [426]),
        .init("with chunks", "\(handshake)\(te)\r\n0\r\n\r\n", [400]),
        .init("accepted", "\(handshake)\r\n", [101]),
        .init("with POST", "\(handshake.replacing("GET", with: "POST"))\r\n", [400]),
        .init("in HTTP/1.0", "\(handshake.replacing("HTTP/1.1", with: "HTTP/1.0"))\r\n", [400]),
        .init(
            "to h2c",
            "GET /livez HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
            [200]
        ),
        .init("to h2c or a WebSocket", "\(handshake.replacing("websocket", with: "h2c, websocket"))\r\n", [101]),
        .init("without Connection", "\(handshake.replacing("Connection: Upgrade\r\n", with: ""))\r\n", [400]),
        .init("with two keys", "\(handshake)Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", [400]),
        .init("CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", [501]),
    ]
}
