public import ServiceLifecycle
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
    /// Runs as long as the store is used; nil for one that needs nothing.
    public let connection: (any Service)?
    let openLink: LinkOpener
    /// A quarter of the log's age: how old the stored checkpoint of a session may be whose topics are quiet.
    let quietSeconds: Int

    public init(_ store: MemorySessionStore) {
        self.store = store
        self.connection = nil
        self.openLink = { store.openLink(to: $0, for: $1, wake: $2) }
        self.quietSeconds = Self.quietSeconds(store.limits)
    }

    public init(_ store: RedisSessionStore) {
        self.store = store
        self.connection = store
        self.openLink = { store.openLink(to: $0, for: $1, wake: $2) }
        self.quietSeconds = Self.quietSeconds(store.limits)
    }

    private static func quietSeconds(_ limits: SessionLimits) -> Int { max(Int(limits.logAge.milliseconds / 4000), 1) }
}
