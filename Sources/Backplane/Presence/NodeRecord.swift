public import VolaryProtocol

/// The entry of a node in the presence store, as the node writes it.
public struct NodeRecord: Hashable, Sendable, Codable {
    public let id: NodeID
    /// At most 64 letters, digits, `.`, `_` and `-`.
    public var name: String
    /// The version of the program.
    public let version: String
    /// Milliseconds since 1970, on the node's clock.
    public let startedAt: Int64
    /// How long the node's entries stay after its last heartbeat.
    public let leaseMilliseconds: Int64
    /// Whether the node accepts no new connections because it is draining.
    public var draining: Bool
    /// Whether the node still has to add connections that it had when it took its lease. Until it has, lists report it as
    /// missing.
    public var registering: Bool
    public let formats: FormatRange

    public init(
        id: NodeID,
        name: String,
        version: String,
        startedAt: Int64,
        leaseMilliseconds: Int64,
        draining: Bool = false,
        registering: Bool = false,
        formats: FormatRange = .own
    ) {
        self.id = id
        self.name = name
        self.version = version
        self.startedAt = startedAt
        self.leaseMilliseconds = leaseMilliseconds
        self.draining = draining
        self.registering = registering
        self.formats = formats
    }

    /// Records of older versions have no `registering` and no `formats`.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try values.decode(NodeID.self, forKey: .id),
            name: try values.decode(String.self, forKey: .name),
            version: try values.decode(String.self, forKey: .version),
            startedAt: try values.decode(Int64.self, forKey: .startedAt),
            leaseMilliseconds: try values.decode(Int64.self, forKey: .leaseMilliseconds),
            draining: try values.decode(Bool.self, forKey: .draining),
            registering: try values.decodeIfPresent(Bool.self, forKey: .registering) ?? false,
            formats: try values.decodeIfPresent(FormatRange.self, forKey: .formats) ?? .first
        )
    }
}
