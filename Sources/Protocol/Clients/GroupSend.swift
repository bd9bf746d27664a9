/// A message of a client to a group.
public struct GroupSend: Hashable, Sendable {
    public let group: AudienceName
    public let payload: TypedPayload
    public let metadata: MessageMetadata
    /// Whether the sender itself does not get the message.
    public let excludesSender: Bool
    /// How long the message is delivered: 1 to 300 seconds. nil: without limit.
    public let timeToLive: Duration?

    public init(
        to group: AudienceName,
        _ payload: TypedPayload,
        metadata: MessageMetadata = MessageMetadata(),
        excludesSender: Bool = false,
        timeToLive: Duration? = nil
    ) {
        self.group = group
        self.payload = payload
        self.metadata = metadata
        self.excludesSender = excludesSender
        self.timeToLive = timeToLive
    }
}
