/// What the messages of a raw client do, from the query of its URL.
public enum RawClientMode: Hashable, Sendable {
    /// Each message is the event `message` for the application.
    case sendEvent
    /// Each message is published to a group.
    case sendToGroup(AudienceName, excludesSender: Bool)

    /// - Parameter parameters: decoded parameters of the query, the last value of each.
    /// - Returns: nil for a query that the handshake refuses with 400.
    public init?(parameters: [UTF8Text: UTF8Text]) {
        guard let excludesSender = Self.boolean(parameters["noEcho"]) else { return nil }
        switch parameters["webpubsub_mode"] {
        case nil, "", "sendEvent": self = .sendEvent
        case "sendToGroup":
            guard let group = parameters["group"].flatMap({ AudienceName(pubSubGroup: $0) }) else { return nil }
            self = .sendToGroup(group, excludesSender: excludesSender)
        default: return nil
        }
    }

    private static func boolean(_ text: UTF8Text?) -> Bool? {
        guard let text else { return false }
        if text.equalsIgnoringCase("true") { return true }
        return text.equalsIgnoringCase("false") ? false : nil
    }
}
