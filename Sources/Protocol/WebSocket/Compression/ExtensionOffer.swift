/// One element of a client's `Sec-WebSocket-Extensions` (RFC 6455 section 9.1): the name of an extension, and its parameters.
public struct ExtensionOffer: Hashable, Sendable {
    public struct Parameter: Hashable, Sendable {
        public let name: String
        /// Without quotes; nil when there is none.
        public let value: String?

        public init(_ name: String, _ value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    public let name: String
    /// In the order of the header, with duplicates.
    public let parameters: [Parameter]

    public init(_ name: String, _ parameters: [Parameter] = []) {
        self.name = name
        self.parameters = parameters
    }

    /// - Parameter fields: the header's values, one for each line of it.
    /// - Returns: the client's offers in its order of preference; nil when the grammar does not allow them: the handshake then
    ///   fails.
    public static func parse(_ fields: [String]) -> [ExtensionOffer]? {
        var offers: [ExtensionOffer] = []
        for field in fields {
            var scanner = Scanner(rest: field.utf8[...])
            repeat {
                scanner.skipSpace()
                // Elements of a list may be empty (RFC 9110 section 5.6.1).
                if scanner.isAtEndOfElement { continue }
                guard let offer = scanner.offer() else { return nil }
                offers.append(offer)
            } while scanner.take(",")
            guard scanner.rest.isEmpty else { return nil }
        }
        return offers
    }
}

private struct Scanner {
    var rest: Substring.UTF8View

    var isAtEndOfElement: Bool { self.rest.isEmpty || self.rest.first == UInt8(ascii: ",") }

    mutating func offer() -> ExtensionOffer? {
        guard let name = self.token() else { return nil }
        var parameters: [ExtensionOffer.Parameter] = []
        while self.take(";") {
            guard let parameter = self.parameter() else { return nil }
            parameters.append(parameter)
        }
        guard self.isAtEndOfElement else { return nil }
        return ExtensionOffer(name, parameters)
    }

    private mutating func parameter() -> ExtensionOffer.Parameter? {
        guard let name = self.token() else { return nil }
        guard self.take("=") else { return ExtensionOffer.Parameter(name) }
        guard let value = self.take("\"") ? self.quotedToken() : self.token() else { return nil }
        return ExtensionOffer.Parameter(name, value)
    }

    mutating func skipSpace() {
        self.rest = self.rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// Also skips spaces before and after the sign.
    mutating func take(_ sign: Unicode.Scalar) -> Bool {
        self.skipSpace()
        guard self.rest.first == UInt8(ascii: sign) else { return false }
        self.rest.removeFirst()
        if sign != "\"" { self.skipSpace() }
        return true
    }

    private mutating func token() -> String? {
        let token = self.rest.prefix(while: Self.isTokenByte)
        self.rest = self.rest[token.endIndex...]
        return token.isEmpty ? nil : String(Substring(token))
    }

    /// The content of a quoted value must be a token too.
    private mutating func quotedToken() -> String? {
        var value: [UInt8] = []
        while let byte = self.rest.popFirst(), byte != UInt8(ascii: "\"") {
            guard let plain = byte == UInt8(ascii: "\\") ? self.rest.popFirst() : byte, Self.isTokenByte(plain) else {
                return nil
            }
            value.append(plain)
            if self.rest.isEmpty { return nil }
        }
        return value.isEmpty ? nil : String(decoding: value, as: UTF8.self)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
