/// The origin of a page (RFC 6454 section 4): a scheme, a host, and optionally a port. Compared byte by byte, in lower case; the
/// default port of a scheme equals no port.
///
/// Besides browsers' origins there are those of applications with embedded pages (`capacitor://localhost`,
/// `chrome-extension://…`), `ws://` and `wss://` of WebSocket libraries, and the special forms `file://` and `null`.
public struct Origin: Hashable, Sendable {
    /// Longest text. A host has at most 253 bytes.
    static let maximumBytes = 512

    /// In lower case.
    let scheme: [UInt8]
    /// In lower case; an IPv6 address with its brackets. Empty for `file://` and `null`.
    private let host: [UInt8]
    /// Nil: none, or the scheme's default.
    private let port: UInt16?

    /// - Returns: nil when the text is not an origin: it has a path, a user or a pattern, or is not ASCII.
    init?(_ text: some StringProtocol) {
        let bytes = text.utf8.prefix(Self.maximumBytes + 1).map(\.lowercased)
        guard bytes.count <= Self.maximumBytes else { return nil }
        let separator = Array("://".utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: separator) else {
            // The origin of sandboxed and local pages.
            guard bytes.elementsEqual("null".utf8) else { return nil }
            (self.scheme, self.host, self.port) = (bytes, [], nil)
            return
        }
        let (scheme, authority) = (bytes[..<colon], bytes[(colon + separator.count)...])
        guard Self.isScheme(scheme) else { return nil }
        self.scheme = Array(scheme)
        if scheme.elementsEqual("file".utf8) {
            guard authority.isEmpty else { return nil }
            (self.host, self.port) = ([], nil)
            return
        }
        let host = Self.host(of: authority)
        guard Self.isName(host) || Self.isAddress(host) else { return nil }
        self.host = Array(host)
        let rest = authority[host.endIndex...]
        if rest.isEmpty {
            self.port = nil
        } else {
            guard rest.first == UInt8(ascii: ":"), let port = Self.port(rest.dropFirst()) else { return nil }
            self.port = port == Self.standardPort(scheme) ? nil : port
        }
    }

    /// The part before the port; an IPv6 address with its brackets.
    private static func host(of authority: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if authority.first == UInt8(ascii: "["), let end = authority.firstIndex(of: UInt8(ascii: "]")) {
            return authority[...end]
        }
        return authority.prefix { $0 != UInt8(ascii: ":") }
    }

    private static func port(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count), digits.allSatisfy(self.isDigit) else { return nil }
        let value = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return value == 0 ? nil : UInt16(exactly: value)
    }

    private static func standardPort(_ scheme: ArraySlice<UInt8>) -> UInt16? {
        switch String(decoding: scheme, as: UTF8.self) {
        case "http", "ws": 80
        case "https", "wss": 443
        default: nil
        }
    }

    // MARK: - Bytes

    /// RFC 3986 section 3.1.
    private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, self.isLetter(first) else { return false }
        return bytes.allSatisfy { self.isLetter($0) || self.isDigit($0) || "+-.".utf8.contains($0) }
    }

    private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy { self.isLetter($0) || self.isDigit($0) || ".-_".utf8.contains($0) }
    }

    private static func isAddress(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.count > 3 && bytes.first == UInt8(ascii: "[") && bytes.last == UInt8(ascii: "]")
            && bytes.dropFirst().dropLast().allSatisfy { self.isDigit($0) || "abcdef:.".utf8.contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
