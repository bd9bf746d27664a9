public import VolaryProtocol

/// What a node that registers does about others of its name.
public enum NameClaim: Hashable, Sendable {
    /// It shares the name with whoever has it.
    case shared
    /// It has the name for itself, or does not register: these, which have been found dead, and nodes whose lease has expired are deleted;
    /// any other of the name is in the way.
    case sole(dead: Set<NodeID>)
}
