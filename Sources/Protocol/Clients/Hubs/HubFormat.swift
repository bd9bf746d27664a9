/// How values are encoded in the records of a protocol of hub clients.
public enum HubFormat: Hashable, Sendable {
    /// A JSON text in UTF-8.
    case json
    /// A value of MessagePack.
    case messagePack
}
