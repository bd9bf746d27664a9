/// Names one start of one server process (an incarnation): 32 random bits, written as 8 lower-case hex digits.
///
/// A process keeps its id for as long as it runs; a restart, also under the same human name, is a new node.
public struct NodeID: Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// A new incarnation's id. Two live nodes of a cluster of 100 share an id with a probability of about one in a million.
    public static func random() -> NodeID {
        NodeID(rawValue: .random(in: .min ... .max))
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
