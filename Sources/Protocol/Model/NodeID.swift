/// Identifies one start of a server process: 32 random bits, written as 8 lower-case hex digits.
///
/// A process keeps its id until it ends. After a restart it is a new node with a new id, even under the same name.
public struct NodeID: Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The node part of the ids of connections that any node may hold (``NodeScopedID/isRoaming``). Of no node.
    static let none = NodeID(rawValue: 0)

    /// A random id for a node that starts. The probability that two of 100 live nodes share an id is about one in a million.
    public static func random() -> NodeID {
        NodeID(rawValue: .random(in: 1 ... .max))
    }

    /// - Parameter text: exactly 8 lower-case hex digits; anything else gives nil.
    public init?(_ text: some StringProtocol) {
        guard let value = Hex.decode(text.utf8, digits: 8) else { return nil }
        self.rawValue = UInt32(truncatingIfNeeded: value)
    }
}

extension NodeID: CustomStringConvertible {
    public var description: String { Hex.encode(UInt64(self.rawValue), digits: 8) }
}

extension NodeID: Comparable {
    public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }
}

extension NodeID: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = NodeID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not 8 hex digits")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}
