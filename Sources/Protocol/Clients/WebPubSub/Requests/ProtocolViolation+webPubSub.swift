extension ProtocolViolation {
    public static let pubSubBinary = ProtocolViolation(.unsupportedData, "The JSON subprotocol requires text messages.")
    public static let pubSubMalformed = ProtocolViolation(
        .invalidData,
        "The client message is not a valid JSON protocol message."
    )
    /// A client without a subprotocol cannot be told in another way that it may not send to its group.
    public static let pubSubForbidden = ProtocolViolation(.policyViolation, "The client does not have permission to send.")
    /// Nor that an event or a message of it failed.
    public static let pubSubFailed = ProtocolViolation(.internalError, "Internal server error")
    /// Nor that its hub has used up its messages or bytes of this second.
    public static let pubSubOverQuota = ProtocolViolation(.policyViolation, "The hub is over its quota.")
    /// As ``messageTooSlow``, with a code that its clients know.
    public static let pubSubTooSlow = ProtocolViolation(.policyViolation, "message took too long to arrive")
}
