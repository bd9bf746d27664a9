import Foundation

/// SplitMix64: random enough for tests, and the same on every machine for one seed.
struct SeededGenerator: RandomNumberGenerator {
    /// What `VOLARY_TEST_SEED` says, else always the same. Printed by the tests that use it, so that a failure can be repeated.
    static let seed = ProcessInfo.processInfo.environment["VOLARY_TEST_SEED"].flatMap(UInt64.init) ?? 0x5EED_0F_7E57

    private var state: UInt64

    init(seed: UInt64 = Self.seed) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: self.next()) }
    }

    mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }
}
