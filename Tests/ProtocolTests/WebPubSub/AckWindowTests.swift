import TestSupport
import Testing

@testable import VolaryProtocol

@Suite
struct AckWindowTests {
    @Test func `Ids in the window are known, others are not`() {
        var window = AckWindow()
        for id: UInt64 in [5, 6, 7, 0, .max, 3, .max - 1] { window.insert(id) }
        for id: UInt64 in [5, 6, 7, 0, .max, 3, .max - 1] { #expect(window.contains(id)) }
        for id: UInt64 in [1, 2, 4, 8, .max - 2] { #expect(!window.contains(id)) }
    }

    @Test(arguments: [0, 1, 3, 1000]) func `The newest thousand are remembered, in the order of success`(step: UInt64) {
        var window = AckWindow()
        // With a step of 1 all ids are one run; with 0 they come in reverse.
        func id(_ index: UInt64) -> UInt64 { step == 0 ? 5000 - index : 1 + index * step }
        for index: UInt64 in 0..<1500 { window.insert(id(index)) }
        for index: UInt64 in 0..<500 { #expect(!window.contains(id(index))) }
        for index: UInt64 in 500..<1500 { #expect(window.contains(id(index))) }
    }

    @Test func `Random ids are known as in a list of the last thousand`() {
        var random = SplitMix64()
        var window = AckWindow()
        var list: [UInt64] = []
        for _ in 0..<10_000 {
            let id = UInt64.random(in: 0..<3000, using: &random)
            #expect(window.contains(id) == list.contains(id), "seed \(SplitMix64.seed)")
            guard !list.contains(id) else { continue }
            window.insert(id)
            list.append(id)
            if list.count > 1000 { list.removeFirst() }
        }
    }
}
