import VolaryProtocol

/// A path of its own for clients of a hub: for devices that cannot be given the URL of Web PubSub.
struct ClientRoute: Hashable, Sendable {
    /// What clients speak that offer no known subprotocol, or one that names no protocol of Web PubSub.
    enum Spoken: String, CaseIterable, Sendable {
        /// Messages are only payloads.
        case raw
        case json = "json.webpubsub.azure.v1"
    }

    let path: RoutePath
    var spoken = Spoken.raw
    /// WebSocket subprotocols that are answered: those of Web PubSub, which are then spoken, and others.
    var subprotocols: [String] = []
}
