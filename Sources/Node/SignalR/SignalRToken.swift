import Crypto
import VolaryProtocol

/// What a client of SignalR gets from `negotiate`, and brings when it connects, at any node.
///
/// No node stores it before it is used. The id is a hash of the token, so that who knows the id does not know the token. In version 0 of the negotiation both are
/// the same. Ids of version 1 and of version 0 differ in a byte, so that an id of version 1 is no token. A client that invents a token gets
/// a new connection with an id that it could not choose, as a client that has not negotiated.
struct SignalRToken: Hashable, Sendable {
    /// Time in which the client has to connect: 60 s. ASP.NET Core's is 15 s on one clock; those of two nodes may differ.
    static let lifetimeSeconds: Int64 = 60
    /// How long no other client may bring a token that one has used: 130 s, longer than any node takes it.
    static let usedFor = Duration.seconds(2 * Self.lifetimeSeconds + 10)

    /// The public name of the connection.
    let id: ConnectionID
    /// The value of `id` in the query.
    let text: String

    /// Random bytes behind the time of a token of version 1.
    private static let randomBytes = 24
    /// The lowest byte of the ids of version 0.
    private static let versionZero: UInt32 = 0
    private static let versionOne: UInt32 = 1

    /// - Parameters:
    ///   - version: of the negotiation, 0 or 1.
    ///   - now: seconds since 1970, UTC.
    init(version: Int, now: Int64) {
        guard version > 0 else {
            let low = UInt32(truncatingIfNeeded: now) << 8 | Self.versionZero
            self.id = .roaming(high: .random(in: 0 ... .max), low: low)
            self.text = self.id.description
            return
        }
        var bytes = withUnsafeBytes(of: now.bigEndian, Array.init)
        for _ in 0..<Self.randomBytes / 8 { bytes += withUnsafeBytes(of: UInt64.random(in: 0 ... .max), Array.init) }
        self.id = Self.id(of: bytes)
        self.text = Base64URL.encode(bytes)
    }

    /// - Parameter now: seconds since 1970, UTC.
    /// - Returns: nil for a text that is no token, and for one that is too old, or too far in the future.
    init?(_ text: String, now: Int64) {
        guard let id = Self.id(ofToken: text) else { return nil }
        if let bytes = Self.bytes(of: text) {
            let issued = Int64(bigEndian: bytes.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
            let (age, overflows) = now.subtractingReportingOverflow(issued)
            guard !overflows, age.magnitude <= Self.lifetimeSeconds else { return nil }
        } else {
            // The lowest 24 bits of both.
            let age = (UInt32(truncatingIfNeeded: now) &- (id.roamingParts.low >> 8)) & 0xFF_FFFF
            guard age <= Self.lifetimeSeconds || 0x100_0000 - Int64(age) <= Self.lifetimeSeconds else { return nil }
        }
        self.id = id
        self.text = text
    }

    /// The connection of a token of any age; nil for a text that is no token.
    static func id(ofToken text: String) -> ConnectionID? {
        if let bytes = self.bytes(of: text) { return self.id(of: bytes) }
        guard let id = ConnectionID(text), id.isRoaming, id.roamingParts.low & 0xFF == self.versionZero else { return nil }
        return id
    }

    /// Nil for a token of version 0.
    private static func bytes(of text: String) -> [UInt8]? {
        guard let bytes = Base64URL.decode(Substring(text)).map(Array.init), bytes.count == 8 + self.randomBytes else {
            return nil
        }
        return bytes
    }

    private static func id(of bytes: [UInt8]) -> ConnectionID {
        let hash = Array(SHA256.hash(data: Array("volary signalr".utf8) + bytes))
        let high = hash[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        let low = hash[8..<11].reduce(0) { $0 << 8 | UInt32($1) }
        return .roaming(high: high, low: low << 8 | Self.versionOne)
    }
}
