/// A message of a client of `json.webpubsub.azure.v1` or `json.reliable.webpubsub.azure.v1`.
public enum PubSubRequest: Hashable, Sendable {
    case joinGroup(AudienceName, ackID: UInt64?)
    case leaveGroup(AudienceName, ackID: UInt64?)
    case sendToGroup(GroupSend, ackID: UInt64?)
    case event(ClientEvent, ackID: UInt64?)
    case ping
    /// The client has every publication up to this number.
    case sequenceAck(UInt64)
}
