import NIOCore

/// The header that a proxy sends first on a connection: the PROXY protocol, versions 1 and 2
/// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Pure.
struct ProxyHeader: Hashable {
    struct Malformed: Error, Hashable {}

    /// Longest addresses and extensions in version 2: 4 KiB. Certificate names and provider ids take a few hundred bytes.
    static let maximumPayloadBytes = 4096
    /// Longest line of version 1, including CRLF (section 2.1).
    private static let maximumLineBytes = 107
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    /// The client's address; nil for the proxy's own connections (`LOCAL`, such as a health check), or when the proxy does not
    /// know it.
    let source: IPAddress?

    /// - Parameter bytes: the first bytes of the connection. A complete header is consumed.
    /// - Returns: nil while the header is incomplete. One above the largest size is malformed.
    static func next(_ bytes: inout ByteBuffer) throws(Malformed) -> ProxyHeader? {
        guard let first = bytes.readableBytesView.first else { return nil }
        return first == UInt8(ascii: "P") ? try self.line(&bytes) : try self.binary(&bytes)
    }

    // MARK: - Version 1

    private static func line(_ bytes: inout ByteBuffer) throws(Malformed) -> ProxyHeader? {
        let view = bytes.readableBytesView.prefix(self.maximumLineBytes)
        guard zip(view, "PROXY ".utf8).allSatisfy({ $0 == $1 }) else { throw .init() }
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
            guard view.count < self.maximumLineBytes else { throw .init() }
            return nil
        }
        let line = view[..<end]
        guard line.last == UInt8(ascii: "\r") else { throw .init() }
        let source = try self.source(ofLine: String(decoding: line.dropLast(), as: UTF8.self))
        bytes.moveReaderIndex(to: end + 1)
        return ProxyHeader(source: source)
    }

    private static func source(ofLine line: String) throws(Malformed) -> IPAddress? {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        // The rest of the line must be ignored.
        if words.count >= 2, words[1] == "UNKNOWN" { return nil }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6" else { throw .init() }
        let isIPv4 = words[1] == "TCP4"
        for address in words[2...3] {
            guard address.contains(":") != isIPv4, IPAddress(address) != nil else { throw .init() }
        }
        for port in words[4...5] {
            guard let number = UInt16(port), port == "\(number)" else { throw .init() }
        }
        return IPAddress(words[2])
    }

    // MARK: - Version 2

    private static func binary(_ bytes: inout ByteBuffer) throws(Malformed) -> ProxyHeader? {
        var rest = bytes
        guard zip(rest.readableBytesView, self.signature).allSatisfy({ $0 == $1 }) else { throw .init() }
        guard rest.readableBytes >= 16 else { return nil }
        rest.moveReaderIndex(forwardBy: self.signature.count)
        guard let (command, family, length) = rest.readMultipleIntegers(as: (UInt8, UInt8, UInt16).self) else { return nil }
        guard command == 0x20 || command == 0x21, length <= self.maximumPayloadBytes else { throw .init() }
        guard var payload = rest.readSlice(length: Int(length)) else { return nil }
        let source = command == 0x20 ? nil : try self.source(in: &payload, family: family)
        bytes.moveReaderIndex(to: rest.readerIndex)
        return ProxyHeader(source: source)
    }

    private static func source(in payload: inout ByteBuffer, family: UInt8) throws(Malformed) -> IPAddress? {
        var source: IPAddress?
        switch family {
        // UNSPEC: the format of the payload is undefined.
        case 0x00: return nil
        // TCP over IPv4 and IPv6: source, destination, and their ports. Datagram and Unix domain sockets are malformed here.
        case 0x11, 0x21:
            source = IPAddress(reading: &payload, isIPv4: family == 0x11)
            guard IPAddress(reading: &payload, isIPv4: family == 0x11) != nil, payload.readInteger(as: UInt32.self) != nil else {
                throw .init()
            }
        default: throw .init()
        }
        // Extensions are not used, but must be well-formed.
        while payload.readableBytes > 0 {
            guard payload.readInteger(as: UInt8.self) != nil, payload.readLengthPrefixedSlice(as: UInt16.self) != nil else {
                throw .init()
            }
        }
        return source
    }
}
