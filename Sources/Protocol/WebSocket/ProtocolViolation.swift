/// A client's error that ends its connection, with the code and reason of the close frame (RFC 6455 section 7.1.7).
public struct ProtocolViolation: Error, Hashable, Sendable {
    public let closeCode: CloseCode
    /// For the close frame and the log: static ASCII, at most ``Limits/maximumCloseReasonBytes``, without any text of the client.
    public let reason: String

    /// - Parameter reason: ASCII, at most ``Limits/maximumCloseReasonBytes``.
    public init(_ closeCode: CloseCode, _ reason: StaticString) {
        self.closeCode = closeCode
        self.reason = "\(reason)"
    }

    // MARK: - Frames (section 5.2)

    public static let reservedBits = ProtocolViolation(.protocolError, "reserved bit set, but no extension gives it a meaning")
    public static let reservedOpcode = ProtocolViolation(.protocolError, "reserved opcode")
    public static let notMasked = ProtocolViolation(.protocolError, "frame from a client is not masked")
    public static let lengthNotMinimal = ProtocolViolation(.protocolError, "length is not in its shortest form")
    public static let lengthOutOfRange = ProtocolViolation(.protocolError, "length has its highest bit set")

    // MARK: - Fragments and control frames (sections 5.4 and 5.5)

    public static let controlFrameFragmented = ProtocolViolation(.protocolError, "control frame is fragmented")
    public static let controlFrameTooLong = ProtocolViolation(.protocolError, "control frame carries more than 125 bytes")
    public static let nothingToContinue = ProtocolViolation(.protocolError, "continuation without a message to continue")
    public static let messageNotFinished = ProtocolViolation(.protocolError, "new message before the last one was finished")

    // MARK: - Close frames (sections 5.5.1 and 7.4)

    public static let closeCodeTruncated = ProtocolViolation(.protocolError, "close frame carries half a code")
    public static let closeCodeNotAllowed = ProtocolViolation(.protocolError, "close code may not be sent")
    public static let closeReasonNotUTF8 = ProtocolViolation(.invalidData, "close reason is not UTF-8")

    // MARK: - Messages (sections 8.1 and 10.4)

    public static let textNotUTF8 = ProtocolViolation(.invalidData, "text is not UTF-8")
    /// RFC 7692 defines no code. 1007 means data that is not consistent with its type.
    public static let notDeflated = ProtocolViolation(.invalidData, "compressed data is broken")
    public static let messageTooBig = ProtocolViolation(.messageTooBig, "message is too big")
    public static let tooManyFrames = ProtocolViolation(.policyViolation, "message has too many frames")
    public static let messageTooSlow = ProtocolViolation(.timeout, "message took too long to arrive")
    public static let tooFast = ProtocolViolation(.policyViolation, "too much sent in a second")
}
