/// The first 8 digits of an id, as people see them. Several ids may share them.
public struct ShortID: Hashable, Sendable {
    private let digits: UInt32

    /// - Parameter text: exactly 8 lower-case hex digits; anything else gives nil.
    public init?(_ text: some StringProtocol) {
        guard let value = Hex.decode(text.utf8, digits: 8) else { return nil }
        self.digits = UInt32(truncatingIfNeeded: value)
    }

    /// Whether an id begins with these digits.
    public func begins<Kind>(_ id: NodeScopedID<Kind>) -> Bool { id.high >> 32 == UInt64(self.digits) }

    /// The highest id below all ids that begin with these digits; nil when there is none.
    public func predecessor<Kind>() -> NodeScopedID<Kind>? {
        self.digits == 0 ? nil : NodeScopedID(high: UInt64(self.digits) << 32 - 1, low: .max)
    }
}
