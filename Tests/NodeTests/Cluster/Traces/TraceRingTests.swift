import Testing

@testable import VolaryNode

/// The memory of messages.
@Suite
struct TraceRingTests {
    private struct Item: TraceEntry {
        var time: Int64
        var variableBytes = 0
    }

    @Test func `The oldest are forgotten when all together exceed the bytes`() {
        var ring = TraceRing<Item>(maximumBytes: 1024)
        let numbers = (1...4).map { ring.append(Item(time: Int64($0))) }
        #expect(numbers == [0, 1, 2, 3])
        #expect(ring.count == 4 && ring.oldest == 1)
        ring.append(Item(time: 5))
        #expect(ring.count == 4 && ring.oldest == 2)
        // Texts count as well.
        ring.append(Item(time: 6, variableBytes: 300))
        #expect(ring.count == 2 && ring.oldest == 5)
        // One that has no room at all is not kept.
        ring.append(Item(time: 7, variableBytes: 1000))
        #expect(ring.count == 0 && ring.oldest == nil)
    }

    @Test func `An entry is changed by its number, until it is forgotten`() {
        var ring = TraceRing<Item>(maximumBytes: 1024)
        let numbers = (1...3).map { ring.append(Item(time: Int64($0))) }
        ring.change(numbers[1]) { $0.time = 20 }
        #expect(ring.newest(9) { _ in true }.map(\.time) == [1, 20, 3])
        // It grows, and the oldest go.
        ring.change(numbers[2]) { $0.variableBytes = 400 }
        #expect(ring.newest(9) { _ in true }.map(\.time) == [20, 3])
        ring.change(numbers[0]) { $0.time = 10 }
        ring.change(99) { $0.time = 10 }
        #expect(ring.newest(9) { _ in true }.map(\.time) == [20, 3])
    }

    @Test func `The newest that match are found, in their order`() {
        var ring = TraceRing<Item>(maximumBytes: 1 << 20)
        for time in 1...100 { ring.append(Item(time: Int64(time))) }
        #expect(ring.newest(2) { $0.time.isMultiple(of: 10) }.map(\.time) == [90, 100])
    }
}
