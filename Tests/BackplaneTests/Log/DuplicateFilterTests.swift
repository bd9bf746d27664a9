import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct DuplicateFilterTests {
    @Test func `Only what is above the last passes`() {
        var filter = DuplicateFilter()
        let (a, b) = (NodeID(rawValue: 1), NodeID(rawValue: 2))
        #expect(filter.admits(5, from: a) == true)
        #expect(filter.admits(5, from: a) == false)
        #expect(filter.admits(4, from: a) == false)
        #expect(filter.admits(4, from: b) == true)
        #expect(filter.admits(9, from: a) == true)
        #expect(filter.admits(8, from: a) == false)
        #expect(filter.admits(.max, from: a) == true)
    }

    @Test func `What is far below the last was never its origin's: it passes, and so does what follows`() {
        for forged in [.max, 10 + DuplicateFilter.reach] {
            var filter = DuplicateFilter()
            let a = NodeID(rawValue: 1)
            #expect(filter.admits(10, from: a) == true)
            #expect(filter.admits(forged, from: a) == true)
            #expect(filter.admits(forged - 1, from: a) == false)
            #expect(filter.admits(forged - DuplicateFilter.reach + 1, from: a) == false)
            #expect(filter.admits(10, from: a) == true, "at most one comes twice")
            #expect(filter.admits(10, from: a) == false)
            #expect(filter.admits(11, from: a) == true)
        }
    }

    @Test func `The origin unheard for longest is forgotten`() {
        var filter = DuplicateFilter(capacity: 2)
        let nodes = (1...3).map { NodeID(rawValue: $0) }
        #expect(filter.admits(1, from: nodes[0]) == true)
        #expect(filter.admits(1, from: nodes[1]) == true)
        #expect(filter.admits(1, from: nodes[0]) == false)
        #expect(filter.admits(1, from: nodes[2]) == true)
        #expect(filter.count == 2)
        #expect(filter.admits(1, from: nodes[0]) == false)
        #expect(filter.admits(1, from: nodes[1]) == true)
    }
}
