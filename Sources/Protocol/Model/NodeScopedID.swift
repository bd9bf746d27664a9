#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An id of 128 bits, written as 32 lower-case hex digits: 96 bits that the node chooses, then the 32 bits of the node's id. The
/// 96 bits are random; in the id of a connection the last 8 of them are its shard.
///
/// The id alone tells every node where to send a message for a connection, and tells the connection's node which event loop holds
/// it. Ids are ordered as their texts are, and so are the pages of a list of connections. `Kind` is a phantom type: it keeps ids
/// of different things apart and takes no space.
public struct NodeScopedID<Kind>: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new id, made by `node`.
    public static func random(on node: NodeID) -> Self {
        var bits = (high: UInt64(0), low: UInt64(0))
        // One system call instead of one for each random number: this runs for each connection and each message.
        let result = withUnsafeMutableBytes(of: &bits) { getentropy($0.baseAddress!, $0.count) }
        precondition(result == 0, "getentropy failed")
        return Self(high: bits.high, low: bits.low << 32 | UInt64(node.rawValue))
    }

    /// - Parameter text: exactly 32 lower-case hex digits; anything else gives nil.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard let high = Hex.decode(bytes.prefix(16), digits: 16), let low = Hex.decode(bytes.dropFirst(16), digits: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// The node that made the id: for a connection, the node that holds it.
    public var node: NodeID { NodeID(rawValue: UInt32(truncatingIfNeeded: self.low)) }

    /// The first 8 digits, as in `from` and in announcements. Not unique.
    public var short: String { Hex.encode(self.high >> 32, digits: 8) }

    /// The highest id below this one; nil for the lowest.
    package var predecessor: Self? {
        if self.low > 0 { return Self(high: self.high, low: self.low - 1) }
        return self.high > 0 ? Self(high: self.high - 1, low: .max) : nil
    }

    /// Writes all 32 digits.
    func write(to writer: inout ByteWriter) {
        writer.write(hex: self.high, digits: 16)
        writer.write(hex: self.low, digits: 16)
    }

    /// Writes the digits of ``short``.
    func writeShort(to writer: inout ByteWriter) { writer.write(hex: self.high >> 32, digits: 8) }
}

extension NodeScopedID: CustomStringConvertible {
    public var description: String { Hex.encode(self.high, digits: 16) + Hex.encode(self.low, digits: 16) }
}

extension NodeScopedID: Comparable {
    public static func < (left: Self, right: Self) -> Bool { (left.high, left.low) < (right.high, right.low) }
}

extension NodeScopedID where Kind == ConnectionKind {
    /// A new id of a connection on `node`, with 88 random bits.
    /// - Parameter shard: the index of the event loop that holds the connection.
    public static func random(on node: NodeID, shard: UInt8) -> Self {
        let id = Self.random(on: node)
        return Self(high: id.high, low: id.low & ~0xFF_0000_0000 | UInt64(shard) << 32)
    }

    /// An id that is known before the client chooses the node that holds the connection. It names no node: messages go through a topic of
    /// its own (``Topic/connection(_:_:)``).
    /// - Parameters:
    ///   - high: random.
    ///   - low: the other 32 bits that a maker chooses.
    public static func roaming(high: UInt64, low: UInt32) -> Self {
        Self(high: high, low: UInt64(low) << 32 | UInt64(NodeID.none.rawValue))
    }

    /// Whether the id names no node.
    public var isRoaming: Bool { self.node == .none }

    /// The parts of a roaming id.
    public var roamingParts: (high: UInt64, low: UInt32) { (self.high, UInt32(truncatingIfNeeded: self.low >> 32)) }

    /// The shard that was given when the id was made. An id that a client invents may hold any value.
    public var shard: UInt8 { UInt8(truncatingIfNeeded: self.low >> 32) }
}

/// Identifies one client connection in the cluster. `node` is the node that holds it, unless the id is roaming.
public typealias ConnectionID = NodeScopedID<ConnectionKind>
/// Identifies one publication in the cluster, or one command between nodes. `node` is the node that sent it and waits for the
/// receipts.
public typealias PublicationID = NodeScopedID<PublicationKind>

/// The ``NodeScopedID`` kind of connections.
public enum ConnectionKind {}
/// The ``NodeScopedID`` kind of publications.
public enum PublicationKind {}
