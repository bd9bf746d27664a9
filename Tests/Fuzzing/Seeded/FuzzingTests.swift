import Foundation
import TestSupport
import Testing

/// The fuzzers' properties for inputs from a seed: takes seconds, and runs in any build. `deploy/fuzz` uses the same properties
/// with libFuzzer.
@Suite
struct FuzzingTests {
    /// The value of `VOLARY_TEST_SEED`, or a constant.
    private static let seed = ProcessInfo.processInfo.environment["VOLARY_TEST_SEED"].flatMap(UInt64.init) ?? 2026
    private static let inputs = 20_000

    @Test(arguments: FuzzTarget.allCases)
    func `Valid inputs and mutations of them satisfy every property`(target: FuzzTarget) throws {
        var random = SplitMix64(state: Self.seed)
        var pool = target.seeds
        for seed in pool { try target.check(seed) }
        for number in 0..<Self.inputs {
            let input = Self.changed(pool.randomElement(using: &random) ?? [], from: pool, &random)
            do {
                try target.check(input)
            } catch {
                Issue.record("seed \(Self.seed), input \(number): \(error)\n\(Data(input).base64EncodedString())")
                return
            }
            // Mutated inputs are mutated again: some of them reach further.
            if number.isMultiple(of: 16) { pool.append(input) }
        }
    }

    @Test func `Inputs that once failed satisfy every property`() throws {
        for (target, inputs) in FoundInputs.all {
            for input in inputs { try target.check(input) }
        }
    }

    private static func changed(_ input: [UInt8], from pool: [[UInt8]], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes.insert(.random(in: 0...255, using: &random), at: place)
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...8, using: &random)))
            case 2 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 3 where place < bytes.count:
                bytes[place] = [0, 1, 10, 13, 48, 57, 127, 128, 255].randomElement(using: &random) ?? 0
            case 4: bytes.insert(contentsOf: Array("\(Int64(bitPattern: random.next()))".utf8), at: place)
            case 5: bytes += (pool.randomElement(using: &random) ?? []).suffix(Int.random(in: 0...64, using: &random))
            default: bytes.insert(contentsOf: bytes[place...].prefix(16), at: place)
            }
        }
        // Long inputs are slow and find nothing that shorter ones do not.
        return Array(bytes.prefix(2048))
    }
}
