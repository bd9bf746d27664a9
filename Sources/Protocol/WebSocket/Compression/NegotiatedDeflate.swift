/// The parameters of permessage-deflate that a client and this server negotiated (RFC 7692 section 7.1).
///
/// Neither side keeps its window from one message to the next. A message that is compressed by itself is the same for every
/// connection, so it is compressed once; and a received message is inflated with memory that lives as long as the message. A
/// server may require both without an offer (sections 7.1.1.1 and 7.1.1.2).
public struct NegotiatedDeflate: Hashable, Sendable {
    /// The window that the client inflates with, if it stated one: 8 to 15, the base-2 logarithm of bytes.
    public let serverWindowBits: UInt8?
    /// The window that the client deflates with, if it stated one: 8 to 15.
    public let clientWindowBits: UInt8?

    /// Accepts the first acceptable offer; nil if there is none: the connection is then not compressed.
    public static func accepting(_ offers: [ExtensionOffer]) -> NegotiatedDeflate? {
        offers.lazy.compactMap(NegotiatedDeflate.init(accepting:)).first
    }

    /// - Returns: nil for another extension, and for a parameter that is unknown, repeated, or has an invalid value (section
    ///   7.1): such an offer is declined.
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

    /// A sign or a leading zero is not allowed (section 7.1.2).
    private static func bits(_ text: String) -> UInt8? {
        (8...15).first { String($0) == text }
    }

    /// The value of the response's `Sec-WebSocket-Extensions`. A window is confirmed as it was offered; one that was not offered
    /// is left out.
    public var header: String {
        var header = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        if let bits = self.serverWindowBits { header += "; server_max_window_bits=\(bits)" }
        if let bits = self.clientWindowBits { header += "; client_max_window_bits=\(bits)" }
        return header
    }

    /// Whether the compressed form of a message of at most this length may go to this client. If not, it gets the message
    /// uncompressed, which section 7.2.1 allows for any message.
    ///
    /// All messages are compressed with the largest window. References do not reach before the first byte of the message, so a
    /// message that is not longer than the client's window fits it. This holds for a window of 8 bits too, which zlib cannot
    /// deflate with.
    public func allowsCompressed(bytes: Int) -> Bool {
        guard let bits = self.serverWindowBits, bits < 15 else { return true }
        return bytes <= 1 << bits
    }

    /// The window to inflate with. zlib deflates with 9 bits when 8 are asked for.
    var inflatingWindowBits: UInt8 { max(self.clientWindowBits ?? 15, 9) }
}
