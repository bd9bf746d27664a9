#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// 128 bits, written as 32 lower-case hex digits: 96 of the node's own, random but for the last 8 of a connection's, then the id of the node
/// that made it.
///
/// Any node can therefore tell from the id alone where to send what concerns it, and the node which of its event loops has it. Ordered as the texts are, which is the order of
/// the inventory's pages. `Kind` keeps ids of different things apart at no cost.
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
        // One system call, where two random numbers would be two: this is done for each connection and each message.
        let result = withUnsafeMutableBytes(of: &bits) { getentropy($0.baseAddress!, $0.count) }
        precondition(result == 0, "the system has random numbers, as many as these")
        return Self(high: bits.high, low: bits.low << 32 | UInt64(node.rawValue))
    }

    /// - Parameter text: exactly 32 lower-case hex digits; anything else gives nil.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard let high = Hex.decode(bytes.prefix(16), digits: 16), let low = Hex.decode(bytes.dropFirst(16), digits: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// The node that made the id.
    public var node: NodeID { NodeID(rawValue: UInt32(truncatingIfNeeded: self.low)) }

    /// The first 8 digits: what people see, in `from` and in announcements. Not unique.
    public var short: String { Hex.encode(self.high >> 32, digits: 8) }

    /// All 32 digits.
    func write(to writer: inout ByteWriter) {
        writer.write(hex: self.high, digits: 16)
        writer.write(hex: self.low, digits: 16)
    }

    /// As ``short`` has it.
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
    /// - Parameter shard: tells the node where it keeps the connection.
    public static func random(on node: NodeID, shard: UInt8) -> Self {
        let id = Self.random(on: node)
        return Self(high: id.high, low: id.low & ~0xFF_0000_0000 | UInt64(shard) << 32)
    }

    /// As given when the id was made. Of an id that somebody made up, any.
    public var shard: UInt8 { UInt8(truncatingIfNeeded: self.low >> 32) }
}

/// Names one client connection in the cluster; `node` is the one that holds it.
public typealias ConnectionID = NodeScopedID<ConnectionKind>
/// Names one publication in the cluster, or one request between nodes; `node` is the one that took it and waits for the receipts.
public typealias PublicationID = NodeScopedID<PublicationKind>

/// Marks ids of connections.
public enum ConnectionKind {}
/// Marks ids of publications.
public enum PublicationKind {}
