/// Bytes of HTTP/2, written from RFC 9113 and RFC 7541, for what a correct client would not send.
enum HTTP2Bytes {
    /// RFC 9113 section 6.
    enum Kind: UInt8 {
        case data = 0
        case headers = 1
        case priority = 2
        case resetStream = 3
        case settings = 4
        case ping = 6
        case goAway = 7
        case windowUpdate = 8
        case continuation = 9
    }

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// The preface, empty settings, and the acknowledgment of the server's settings, which are known to be sent at once.
    static let start = Self.preface + Self.frame(.settings, stream: 0, []) + Self.frame(.settings, flags: 1, stream: 0, [])

    static let endStream: UInt8 = 1
    static let endHeaders: UInt8 = 4

    /// - Parameter length: the length in the head, if it differs from the payload's.
    static func frame(_ kind: Kind, flags: UInt8 = 0, stream: UInt32, length: Int? = nil, _ payload: [UInt8]) -> [UInt8] {
        let length = length ?? payload.count
        let head = [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), kind.rawValue, flags]
        return head + Self.integer(stream) + payload
    }

    static func integer(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(value >> $0 & 255) } }

    static func setting(_ number: UInt8, _ value: UInt32) -> [UInt8] {
        Self.frame(.settings, stream: 0, [0, number] + Self.integer(value))
    }

    static func windowUpdate(stream: UInt32, _ increment: UInt32) -> [UInt8] {
        Self.frame(.windowUpdate, stream: stream, Self.integer(increment))
    }

    /// Literals without indexing (RFC 7541 section 6.2.2), each name and value shorter than 127 bytes.
    static func headers(stream: UInt32, ends: Bool, _ fields: [(String, String)]) -> [UInt8] {
        let block = fields.flatMap { name, value -> [UInt8] in
            [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        return Self.frame(.headers, flags: Self.endHeaders | (ends ? Self.endStream : 0), stream: stream, block)
    }

    static func get(stream: UInt32, _ path: String) -> [UInt8] {
        Self.headers(
            stream: stream,
            ends: true,
            [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", path)]
        )
    }

    /// The head of a request with a body.
    static func post(stream: UInt32, _ path: String) -> [UInt8] {
        Self.headers(
            stream: stream,
            ends: false,
            [
                (":method", "POST"), (":scheme", "http"), (":authority", "test"), (":path", path),
                ("content-type", "application/json"),
            ]
        )
    }

    static func connect(stream: UInt32, _ path: String = "/echo") -> [UInt8] {
        Self.headers(
            stream: stream,
            ends: false,
            [
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "test"), (":path", path),
                ("sec-websocket-version", "13"),
            ]
        )
    }

    /// A frame that a server sent.
    struct Frame: Hashable {
        let kind: UInt8
        let flags: UInt8
        let stream: UInt32
        let payload: [UInt8]
    }

    /// All complete frames.
    static func frames(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard rest.count >= 9 + length else { break }
            let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            frames.append(Frame(kind: head[3], flags: head[4], stream: stream, payload: Array(rest.dropFirst(9).prefix(length))))
            rest = rest.dropFirst(9 + length)
        }
        return frames
    }
}
