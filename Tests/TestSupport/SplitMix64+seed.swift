import Foundation

extension SplitMix64 {
    /// What `VOLARY_TEST_SEED` says, else always the same. Printed by the tests that use it, so that a failure can be repeated.
    public static let seed = ProcessInfo.processInfo.environment["VOLARY_TEST_SEED"].flatMap(UInt64.init) ?? 0x5EED_0F_7E57

    public init() { self.init(state: Self.seed) }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: self.next()) }
    }

    public mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }
}
