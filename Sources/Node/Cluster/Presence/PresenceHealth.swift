/// Whether this node can update its entries in the presence store.
enum PresenceHealth: Hashable, Sendable {
    case up
    /// `reason` is for operators.
    case down(reason: String)
}
