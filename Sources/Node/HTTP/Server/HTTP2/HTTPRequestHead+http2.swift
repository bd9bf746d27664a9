import NIOHPACK
import NIOHTTP1

extension HTTPRequestHead {
    /// The request of an HTTP/2 stream, in the form that HTTP/1.1 would have. NIO's HTTP/2 handler has checked the pseudo-headers
    /// (RFC 9113 section 8.3.1) and has refused fields of the connection.
    ///
    /// The method of an extended CONNECT becomes GET, the method of a WebSocket handshake over HTTP/1.1.
    /// - Throws: `headerTooLarge` above the limits, `badHost` for several `Host` fields, and `malformed` for a `Host` that differs from
    ///   `:authority`, and for what the parser of HTTP/1.1 refuses too: an unknown method, a bad `Content-Length`, another scheme than
    ///   `http` and `https`, control characters in a value, and a name that is not ASCII. A value that begins or ends with whitespace
    ///   is also `malformed` (RFC 9113 section 8.2.1).
    init(_ fields: HPACKHeaders, settings: HTTPSettings) throws(HTTPErrorHandler.Fault) {
        var (method, path, authority) = ("", "", String?.none)
        var isExtended = false
        var headers = HTTPHeaders()
        headers.reserveCapacity(fields.count)
        var (count, bytes) = (0, 0)
        for (name, value, _) in fields {
            bytes += name.utf8.count + value.utf8.count
            guard value.isFieldValue else { throw .malformed }
            switch name {
            case ":method": method = value
            case ":path": path = value
            case ":authority": authority = value
            case ":protocol": isExtended = true
            case ":scheme": guard value.isSame("http") || value.isSame("https") else { throw .malformed }
            default:
                count += 1
                // `HTTPHeaders` ends the process for another name. NIO's HTTP/2 handler refuses such fields before.
                guard name.isASCII else { throw .malformed }
                headers.add(name: name, value: value)
            }
        }
        guard bytes <= settings.maximumHeaderBytes, count <= settings.maximumHeaderFields else { throw .headerTooLarge }
        guard headers.hasGoodLength else { throw .malformed }
        if let authority {
            let hosts = headers["host"]
            guard hosts.count <= 1 else { throw .badHost }
            guard hosts.allSatisfy({ $0.isSame(authority) }) else { throw .malformed }
            headers.replaceOrAdd(name: "host", value: authority)
        }
        self.init(
            version: .http1_1,
            method: isExtended ? .GET : try Self.method(method),
            uri: path,
            headers: headers
        )
    }

    /// - Throws: `malformed` for a method that the parser of HTTP/1.1 does not know. It knows QUERY, unlike `HTTPMethod`, whose
    ///   `MSEARCH` is the method M-SEARCH.
    private static func method(_ name: String) throws(HTTPErrorHandler.Fault) -> HTTPMethod {
        let method = HTTPMethod(rawValue: name)
        switch method {
        case .RAW where ["M-SEARCH", "QUERY"].contains(where: { name.utf8.elementsEqual($0.utf8) }): return method
        case .RAW, .MSEARCH: throw .malformed
        default: return method
        }
    }
}

extension String {
    /// RFC 9110 section 5.5: neither control characters, nor whitespace at the ends. Other bytes above ASCII are judged later.
    fileprivate var isFieldValue: Bool {
        func isBlank(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard !isBlank(self.utf8.first), !isBlank(self.utf8.last) else { return false }
        return self.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") }
    }
}

extension HTTPHeaders {
    /// Whether there is at most one `Content-Length`, and it is a number (RFC 9110 section 8.6).
    fileprivate var hasGoodLength: Bool {
        guard self.contains(name: "content-length") else { return true }
        guard let length = self.only("content-length"), !length.isEmpty else { return false }
        return length.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

extension HPACKHeaders {
    /// The fields of an answer, without those of an HTTP/1.1 connection (RFC 9113 section 8.2.2).
    init(_ head: HTTPResponseHead) {
        self.init()
        self.reserveCapacity(head.headers.count + 1)
        self.add(name: ":status", value: String(head.status.code))
        for (name, value) in head.headers {
            let name = name.lowercased()
            switch name {
            case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade": break
            default: self.add(name: name, value: value)
            }
        }
    }
}
