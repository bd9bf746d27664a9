import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct StoreNamesTests {
    private static func hubs(_ count: Int) throws -> Set<HubName> {
        Set(try (0..<count).map { try #require(HubName("hub\($0)")) })
    }

    @Test func `New hubs are asked for at once, known ones in turns, and the default hub always`() throws {
        var names = StoreNames()
        let hubs = try Self.hubs(250)
        let first = names.next(of: hubs)
        #expect(first[0] == .default && Set(first.dropFirst()) == hubs)
        for hub in first { #expect(names.found("1", of: hub) == .same) }
        var seen: [HubName] = []
        for _ in 0..<3 {
            let next = names.next(of: hubs)
            #expect(next[0] == .default && next.count <= 1 + StoreNames.checksPerSecond)
            seen += next.dropFirst()
        }
        #expect(seen.count == 250 && Set(seen) == hubs)
    }

    @Test func `A name that is gone or another is told, and one that is first known is not`() {
        var names = StoreNames()
        #expect(names.found("", of: .default) == .same)
        #expect(names.found("", of: .default) == .missing)
        #expect(names.found("1", of: .default) == .changed)
        #expect(names.found("1", of: .default) == .same)
        #expect(names.found("", of: .default) == .changed)
    }

    @Test func `Hubs that are not followed any more are forgotten`() throws {
        var names = StoreNames()
        let hubs = try Self.hubs(1)
        for hub in names.next(of: hubs) { _ = names.found("1", of: hub) }
        #expect(names.next(of: []) == [.default])
        #expect(names.next(of: hubs) == [.default] + hubs)
        for hub in hubs { #expect(names.found("2", of: hub) == .same) }
    }
}
