/// An event that a client sends to the application.
public struct ClientEvent: Hashable, Sendable {
    public let name: EventName
    public let payload: TypedPayload
    public let metadata: MessageMetadata

    public init(_ name: EventName, _ payload: TypedPayload, metadata: MessageMetadata = MessageMetadata()) {
        self.name = name
        self.payload = payload
        self.metadata = metadata
    }
}
