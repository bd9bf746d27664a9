public import VolaryProtocol

/// How a node that registers treats other nodes of its name.
public enum NameClaim: Hashable, Sendable {
    /// It shares the name with them.
    case shared
    /// It must be the only node of its name, or it does not register. Nodes of the name that are in `dead` or whose lease has
    /// expired are deleted; any other prevents the registration.
    case sole(dead: Set<NodeID>)
}
