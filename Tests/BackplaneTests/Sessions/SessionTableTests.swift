import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct SessionTableTests {
    private static func session(_ id: ConnectionID) -> SessionFollower {
        SessionFollower(attaching: id, client: NamedClient(id), user: nil, protocol: "", rules: .all)
    }

    @Test func `A session keeps its place, and a new one takes a free one`() throws {
        let ids = (0..<3).map { _ in ConnectionID.random(on: NodeID(rawValue: 1), shard: 0) }
        var table = SessionTable()
        for id in ids[..<2] { table[id] = Self.session(id) }
        table[ids[0]] = nil
        table[ids[0]]?.phase = .following
        #expect(table.place(of: ids[0]) == nil && table[ids[0]] == nil && table[at: 0] == nil)
        #expect(table.place(of: ids[1]) == 1 && table[at: 1]?.id == ids[1])
        table[ids[2]] = Self.session(ids[2])
        table[ids[2]]?.phase = .following
        #expect(table.place(of: ids[2]) == 0 && table[at: 0]?.isFollowing == true)
        #expect(Set(table.ids) == Set(ids[1...]) && table.indices == 0..<2)
        for id in ids { table[id] = nil }
        #expect(table.isEmpty && table.indices.isEmpty)
    }

    @Test func `All sessions are looked at in place, and free places are not`() {
        let ids = (0..<4).map { _ in ConnectionID.random(on: NodeID(rawValue: 1), shard: 0) }
        var table = SessionTable()
        for id in ids { table[id] = Self.session(id) }
        table[ids[1]] = nil
        #expect(!table.doAllFollow)
        for id in [ids[0], ids[2]] { table[id]?.phase = .following }
        table.passed(5)
        #expect(ids.map { table[$0]?.cursor } == [5, nil, 5, 0])
        let entry = LogEntry(number: 7, previous: 0, topic: .all, time: 0, content: .publication(.test("", to: .all)))
        var receivers: [SessionReceiver] = []
        let rest = table.count(entry, bytes: 1, at: [0, 1, 2, 3], for: &receivers)
        #expect(receivers.map(\.sequence) == [1, 1] && rest.others == [3] && rest.ended.isEmpty)
        let large = table.count(
            LogEntry(number: 8, previous: 7, topic: .all, time: 0, content: .publication(.test("", to: .all))),
            bytes: SessionLimits.outboxBytes,
            at: [2],
            for: &receivers
        )
        #expect(receivers.count == 2 && large.ended.map(\.place) == [2])
        #expect(table.places(turn: 3, of: 4) == [0, 2, 3] && table.places(turn: 5, of: 4) == [0, 1, 2])
        table[ids[3]] = nil
        #expect(table.doAllFollow)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `A set of places has what was added and not removed`(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var (set, model) = (PlaceSet(), Set<Int>())
        for _ in 0..<500 {
            let place = Int.random(in: 0..<100, using: &random)
            if model.contains(place) || Bool.random(using: &random) && Bool.random(using: &random) {
                set.remove(place)
                model.remove(place)
            } else {
                set.insert(place)
                model.insert(place)
            }
            #expect(set.places.count == model.count && Set(set.places) == model && set.isEmpty == model.isEmpty)
        }
    }
}
