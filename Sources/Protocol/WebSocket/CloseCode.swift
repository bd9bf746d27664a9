/// Why a WebSocket connection ends (RFC 6455 section 7.4). Part of the client protocol.
///
/// | code | sent when | reconnect |
/// | --- | --- | --- |
/// | 1000 | the client closed, or a REST caller closed it without a code | as the client likes |
/// | 1002 | a frame violated RFC 6455 | no: the client is faulty |
/// | 1007 | a text was not UTF-8 | no |
/// | 1008 | a policy was violated; the rate limit was exceeded | when it sends less |
/// | 1009 | a message exceeded the size limit | no |
/// | 1011 | internal error of the node | yes, later |
/// | 1012 | the node shuts down | yes, at once: another node answers |
/// | 1013 | the client read too slowly | yes, later |
/// | 3000 | the client's token has expired | yes, with a new token |
/// | 3008 | a message took too long to arrive, or none arrived within the idle timeout | when it has data to send |
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    public static let normal = CloseCode(rawValue: 1000)
    public static let goingAway = CloseCode(rawValue: 1001)
    public static let protocolError = CloseCode(rawValue: 1002)
    public static let unsupportedData = CloseCode(rawValue: 1003)
    public static let invalidData = CloseCode(rawValue: 1007)
    public static let policyViolation = CloseCode(rawValue: 1008)
    public static let messageTooBig = CloseCode(rawValue: 1009)
    public static let internalError = CloseCode(rawValue: 1011)
    public static let serviceRestart = CloseCode(rawValue: 1012)
    public static let tryAgainLater = CloseCode(rawValue: 1013)
    /// "Unauthorized" in IANA's registry, like HTTP's 401: reconnect with another token.
    public static let unauthorized = CloseCode(rawValue: 3000)
    /// "Timeout" in IANA's registry.
    public static let timeout = CloseCode(rawValue: 3008)

    /// Whether the code may be sent in a close frame: 1000 to 1003, 1007 to 1014, and 3000 to 4999 (RFC 6455 section 7.4, and
    /// IANA's registry). The others are reserved, or are only reported locally (1005, 1006, 1015).
    public var canSend: Bool {
        switch self.rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
