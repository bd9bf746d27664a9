/// permessage-deflate as a client and this server agreed on it (RFC 7692 section 7.1).
///
/// Neither side takes its window over from one message to the next. A message that is compressed by itself is the same for every
/// connection, so it is compressed once; and what a client sends is inflated with memory that lives as long as the message. A server
/// may ask for both unasked (sections 7.1.1.1 and 7.1.1.2).
public struct NegotiatedDeflate: Hashable, Sendable {
    /// What the client inflates with, if it said so: 8 to 15, powers of two in bytes.
    public let serverWindowBits: UInt8?
    /// What the client deflates with, if it said so: 8 to 15.
    public let clientWindowBits: UInt8?

    /// The first of the offers that can be accepted; nil for none: the connection is then not compressed.
    public static func accepting(_ offers: [ExtensionOffer]) -> NegotiatedDeflate? {
        offers.lazy.compactMap(NegotiatedDeflate.init(accepting:)).first
    }

    /// - Returns: nil for another extension, and for a parameter that is unknown, given twice, or has no value that it may have
    ///   (section 7.1): such an offer is declined.
    private init?(accepting offer: ExtensionOffer) {
        guard offer.name == "permessage-deflate" else { return nil }
        var names: Set<String> = []
        var (server, client): (UInt8?, UInt8?) = (nil, nil)
        for parameter in offer.parameters {
            guard names.insert(parameter.name).inserted else { return nil }
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil), ("client_no_context_takeover", nil), ("client_max_window_bits", nil):
                break
            case ("server_max_window_bits", let value?):
                guard let bits = Self.bits(value) else { return nil }
                server = bits
            case ("client_max_window_bits", let value?):
                guard let bits = Self.bits(value) else { return nil }
                client = bits
            default:
                return nil
            }
        }
        self.serverWindowBits = server
        self.clientWindowBits = client
    }

    /// No sign, no leading zero (section 7.1.2).
    private static func bits(_ text: String) -> UInt8? {
        (8...15).first { String($0) == text }
    }

    /// The value of the answer's `Sec-WebSocket-Extensions`. A window is confirmed as it was offered, and one that was not offered is
    /// not mentioned.
    public var header: String {
        var header = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        if let bits = self.serverWindowBits { header += "; server_max_window_bits=\(bits)" }
        if let bits = self.clientWindowBits { header += "; client_max_window_bits=\(bits)" }
        return header
    }

    /// Whether the compressed form of messages of at most so many bytes may go to this client; else it gets them as they are, as
    /// section 7.2.1 allows for any message.
    ///
    /// All messages are compressed with the largest window. No reference reaches back farther than to the message's first byte, so
    /// one that is not longer than the client's window fits it: also a window of 8 bits, which zlib cannot deflate with.
    public func allowsCompressed(bytes: Int) -> Bool {
        guard let bits = self.serverWindowBits, bits < 15 else { return true }
        return bytes <= 1 << bits
    }

    /// The window to inflate with. Deflaters made with zlib turn 8 into 9, whatever they promise.
    var inflatingWindowBits: UInt8 { max(self.clientWindowBits ?? 15, 9) }
}
