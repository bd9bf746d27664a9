/// Why a node does not start beside the living nodes that it found in the presence store.
public enum StartRefusal: Error, Hashable, CustomStringConvertible {
    /// One of them has the node's configured name.
    case nameTaken(String)
    /// So many of them are of an older version that cannot share a cluster with this one.
    case formerFormat(nodes: Int)
    /// So many of them read and write other formats.
    case foreignFormats(nodes: Int)

    public var description: String {
        switch self {
        case .nameTaken(let name): "--node-name \"\(name)\": another living node has this name"
        case .formerFormat(let nodes):
            "--redis-prefix: living nodes of an older, incompatible version use it (\(nodes)); choose another, or stop them first"
        case .foreignFormats(let nodes):
            "--redis-prefix: living nodes of another, incompatible version use it (\(nodes)); choose another, or stop them first"
        }
    }
}
