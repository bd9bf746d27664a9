import VolaryProtocol

/// The beginnings of the names of all keys and channels. Each contains one pair of braces, the hash tag, so that Redis Cluster
/// keeps the keys of one hub, of one node, or of the registry in one slot. A script uses the keys of one tag only.
///
/// | scope | names |
/// | --- | --- |
/// | a hub | `<root>:h:{<hub>}` |
/// | a node's own topics | `<root>:n:{<node>}` |
/// | leases of nodes | `<root>:{registry}` |
/// | a master | `<root>:c:{<text of its slot>}` |
///
/// The letter before the brace is the kind, so a hub may be called `registry`. ``HubName`` has no braces and is not empty.
struct RedisNames: Hashable, Sendable {
    /// The number of the format of keys, channels, frames and the contents of keys. It stays as long as later formats only add: fields
    /// of hashes and of JSON, fields and types of envelopes, fields and kinds of control entries. ``NodeRecord/formats`` says which
    /// nodes can share these names. What cannot be added gets other names, by another number here.
    static let format = 2
    /// Any text: one master owns all slots.
    private static let slotText = "0"

    /// `<prefix>:<format>`.
    private let root: String

    /// - Parameter prefix: of the configuration, without the colon.
    init(prefix: String) {
        self.root = "\(prefix):\(Self.format)"
    }

    func hub(_ hub: HubName) -> String { "\(self.root):h:{\(hub)}" }
    func node(_ node: NodeID) -> String { "\(self.root):n:{\(node)}" }
    var registry: String { "\(self.root):{registry}" }

    /// The channel of a node's canaries, and the key that they delete.
    func canary(of node: NodeID) -> String { "\(self.root):c:{\(Self.slotText)}:canary:\(node)" }
}
