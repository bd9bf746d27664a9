import VolaryProtocol

/// An audience and its hub.
struct HubAudience: Hashable, Sendable {
    let hub: HubName
    let audience: Audience

    /// Whether every node gets its publications. Otherwise only the broker knows which nodes do.
    var reachesEveryNode: Bool { self.audience == .all && self.hub.isDefault }
}
