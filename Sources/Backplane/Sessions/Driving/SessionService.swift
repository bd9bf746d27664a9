public import VolaryProtocol

/// The session store of a cluster, and how a node hears its hubs.
public struct SessionService: Sendable {
    /// - Parameters:
    ///   - hub: to be heard.
    ///   - node: that hears it.
    ///   - wake: called from any thread when an event arrives at a link without any.
    public typealias LinkOpener =
        @Sendable (_ hub: HubName, _ node: NodeID, _ wake: @escaping @Sendable () -> Void) -> any HubLink

    public let store: any SessionStore
    let openLink: LinkOpener

    public init(store: any SessionStore, openLink: @escaping LinkOpener) {
        self.store = store
        self.openLink = openLink
    }

    public init(_ store: MemorySessionStore) {
        self.init(store: store) { store.openLink(to: $0, for: $1, wake: $2) }
    }
}
