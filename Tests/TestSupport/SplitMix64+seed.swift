import Foundation

extension SplitMix64 {
    /// The value of `VOLARY_TEST_SEED`, or a constant. Tests that use it print it, so that a failure can be repeated.
    public static let seed = ProcessInfo.processInfo.environment["VOLARY_TEST_SEED"].flatMap(UInt64.init) ?? 0x5EED_0F_7E57

    public init() { self.init(state: Self.seed) }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: self.next()) }
    }

    public mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }
}
