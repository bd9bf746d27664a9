import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What a node tells the presence store.
@Suite
struct PresenceRegistrationTests {
    private let node = NodeID(rawValue: 1)
    private var registration = PresenceRegistration()

    private func record() -> ConnectionRecord {
        ConnectionRecord(id: .random(on: self.node), protocol: "plain", connectedAt: 1)
    }

    private func records(_ count: Int) -> [ConnectionRecord] { (0..<count).map { _ in self.record() } }

    /// The next step, which must be an update.
    private mutating func update() throws -> (adding: [ConnectionRecord], removing: [ConnectionID]) {
        let step = self.registration.next()
        guard case .update(_, let adding, let removing) = step else {
            Issue.record("\(step) is no update")
            throw NoUpdate()
        }
        return (adding, removing)
    }

    private struct NoUpdate: Error {}

    /// Lets the store take everything that waits.
    private mutating func settle() -> PresenceRegistration.Announcements {
        var news = PresenceRegistration.Announcements()
        while case .update(_, let adding, let removing) = self.registration.next() {
            let some = self.registration.updated(adding: adding, removing: removing)
            news.joined += some.joined
            news.left += some.left
        }
        return news
    }

    @Test mutating func `It registers first, and again until that has worked`() {
        #expect(self.registration.next() == .register)
        self.registration.opened(self.record())
        #expect(self.registration.next() == .register)
        #expect(!self.registration.isRegistered)
        self.registration.registered(with: [])
        #expect(self.registration.isRegistered)
    }

    @Test mutating func `Registered without connections, it has nothing to tell`() {
        self.registration.registered(with: [])
        #expect(self.registration.next() == .nothing)
    }

    @Test mutating func `A connection is added once, and is news once`() {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        #expect(self.registration.next() == .update(in: .default, adding: [record], removing: []))
        #expect(self.registration.updated(adding: [record], removing: []) == .init(joined: [record.id]))
        #expect(self.registration.next() == .nothing)
    }

    @Test(arguments: 0..<4)
    mutating func `No update is larger than the store takes, whatever is to be told of one connection`(extra: Int) throws {
        let records = self.records(PresenceLimits.connectionsPerUpdate)
        self.registration.registered(with: records)
        _ = self.settle()
        // No id comes back, as long as they are random; if one did, it would be removed and added at once.
        for record in records { self.registration.closed(record.id) }
        for record in records + self.records(extra) { self.registration.opened(record) }
        var steps = 0
        while self.registration.hasChanges {
            let (adding, removing) = try self.update()
            steps += 1
            try #require(adding.count + removing.count <= PresenceLimits.connectionsPerUpdate && steps < 10)
            _ = self.registration.updated(adding: adding, removing: removing)
        }
    }

    @Test mutating func `A connection that ends is removed once, and is news once`() {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        _ = self.settle()
        self.registration.closed(record.id)
        #expect(self.registration.next() == .update(in: .default, adding: [], removing: [record.id]))
        #expect(self.registration.updated(adding: [], removing: [record.id]) == .init(left: [record.id]))
        #expect(self.registration.next() == .nothing)
    }

    @Test mutating func `An update without an answer is sent again, before what came meanwhile`() throws {
        self.registration.registered(with: [])
        let (first, second) = (self.record(), self.record())
        self.registration.opened(first)
        _ = try self.update()
        self.registration.opened(second)
        #expect(try self.update().adding == [first])
        #expect(self.settle().joined == [first.id, second.id])
    }

    @Test mutating func `What came and went before the store heard of it leaves no trace`() {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        self.registration.closed(record.id)
        #expect(self.registration.next() == .nothing)
        #expect(self.settle() == .init())
    }

    @Test mutating func `What went while its adding was under way is removed, and told as joined and left`() throws {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        let update = try self.update()
        self.registration.closed(record.id)
        #expect(self.registration.updated(adding: update.adding, removing: []) == .init(joined: [record.id]))
        #expect(self.registration.next() == .update(in: .default, adding: [], removing: [record.id]))
        #expect(self.registration.updated(adding: [], removing: [record.id]) == .init(left: [record.id]))
    }

    @Test mutating func `What went after an adding without an answer is removed, for the store may have it, and is no news`()
        throws
    {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        _ = try self.update()
        self.registration.closed(record.id)
        #expect(self.registration.next() == .update(in: .default, adding: [], removing: [record.id]))
        #expect(self.registration.updated(adding: [], removing: [record.id]) == .init())
        #expect(self.registration.next() == .nothing)
    }

    @Test mutating func `One update names at most 500 connections`() throws {
        self.registration.registered(with: [])
        let records = self.records(1201)
        for record in records { self.registration.opened(record) }
        var sizes: [Int] = []
        var seen: Set<ConnectionRecord> = []
        while self.registration.next() != .nothing {
            let (adding, removing) = try self.update()
            sizes.append(adding.count + removing.count)
            seen.formUnion(adding)
            _ = self.registration.updated(adding: adding, removing: removing)
        }
        #expect(sizes == [500, 500, 201])
        #expect(seen == Set(records))
    }

    @Test mutating func `Removals go before additions, and share the bound with them`() throws {
        self.registration.registered(with: [])
        let old = self.records(300)
        for record in old { self.registration.opened(record) }
        _ = self.settle()
        for record in old { self.registration.closed(record.id) }
        for record in self.records(300) { self.registration.opened(record) }
        let (adding, removing) = try self.update()
        #expect(removing.count == 300)
        #expect(adding.count == 200)
        let news = self.settle()
        #expect(news.left.count == 300)
        #expect(news.joined.count == 300)
    }

    // MARK: - Batches

    @Test mutating func `What came before is told however much comes meanwhile`() throws {
        self.registration.registered(with: [])
        let records = self.records(1201)
        for record in records { self.registration.opened(record) }
        let batch = self.registration.nextBatch
        var told: Set<ConnectionRecord> = []
        for _ in 0..<3 {
            #expect(self.registration.batchesStored < batch)
            let (adding, removing) = try self.update()
            told.formUnion(adding)
            for record in self.records(600) { self.registration.opened(record) }
            _ = self.registration.updated(adding: adding, removing: removing)
        }
        #expect(told == Set(records))
        #expect(self.registration.batchesStored == batch)
    }

    @Test mutating func `A change of what is under way goes into the next batch`() throws {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        let (adding, removing) = try self.update()
        let changed = ConnectionRecord(id: record.id, protocol: "plain", connectedAt: 1, groups: [AudienceName("red")!])
        self.registration.changed(changed)
        let batch = self.registration.nextBatch
        _ = self.registration.updated(adding: adding, removing: removing)
        #expect(self.registration.batchesStored == batch - 1)
        #expect(try self.update().adding == [changed])
        _ = self.registration.updated(adding: [changed], removing: [])
        #expect(self.registration.batchesStored == batch)
    }

    @Test mutating func `What a lost lease kept from being told is in the next batch`() throws {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        let batch = self.registration.nextBatch
        _ = try self.update()
        self.registration.leaseLost()
        #expect(self.registration.next() == .register)
        self.registration.registered(with: [record])
        #expect(self.registration.batchesStored < batch)
        _ = self.settle()
        #expect(self.registration.batchesStored >= batch)
    }

    @Test mutating func `Of a batch that has come to nothing, nothing is told`() throws {
        self.registration.registered(with: [])
        let records = self.records(501)
        for record in records { self.registration.opened(record) }
        let first = try self.update().adding
        _ = self.registration.updated(adding: first, removing: [])
        let last = try #require(Set(records).subtracting(first).first)
        self.registration.closed(last.id)
        #expect(self.registration.next() == .nothing)
        let next = self.record()
        self.registration.opened(next)
        #expect(try self.update().adding == [next])
    }

    // MARK: - The lease is lost

    @Test mutating func `After a lost lease it registers again, then adds all that are open, and none of them is news`() {
        self.registration.registered(with: [])
        let open = self.records(3)
        for record in open { self.registration.opened(record) }
        _ = self.settle()
        self.registration.leaseLost()
        #expect(self.registration.next() == .register)
        self.registration.registered(with: open)
        #expect(self.registration.next() != .nothing)
        #expect(self.settle() == .init())
        #expect(self.registration.next() == .nothing)
    }

    @Test mutating func `Told as left with their node, those that are open are news again, and those that have ended are none`() {
        self.registration.registered(with: [])
        let open = self.records(3)
        for record in open { self.registration.opened(record) }
        _ = self.settle()
        self.registration.leaseLost()
        self.registration.closed(open[0].id)
        self.registration.registered(with: Array(open[1...]), announcedAsLeft: true)
        // Before the store has it again.
        self.registration.closed(open[1].id)
        #expect(self.settle() == .init(joined: [open[2].id]))
        self.registration.closed(open[2].id)
        #expect(self.settle() == .init(left: [open[2].id]))
    }

    @Test mutating func `Those that the store did not have when they were told of as left are not told of again`() {
        self.registration.registered(with: [])
        let open = self.records(2)
        for record in open { self.registration.opened(record) }
        _ = self.settle()
        // The store had lost everything, and got nothing back before the lease was lost again.
        for announcedAsLeft in [false, true] {
            self.registration.leaseLost()
            self.registration.registered(with: open, announcedAsLeft: announcedAsLeft)
        }
        #expect(self.settle() == .init())
    }

    @Test mutating func `What opened around a lost lease is news once`() throws {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        _ = try self.update()
        self.registration.leaseLost()
        self.registration.registered(with: [record])
        #expect(try self.update().adding == [record])
        #expect(self.settle() == .init(joined: [record.id]))
    }

    @Test mutating func `What ended around a lost lease is left once, and never added again`() throws {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        _ = self.settle()
        self.registration.leaseLost()
        // Seen by the registration as open, and closed before that was through.
        self.registration.closed(record.id)
        self.registration.registered(with: [record])
        #expect(try self.update().adding.isEmpty)
        #expect(self.settle() == .init(left: [record.id]))
        #expect(self.registration.next() == .nothing)
    }

    @Test(arguments: [false, true])
    mutating func `What a registration saw open, and closed before it was through, is never listed`(again: Bool) {
        if again {
            self.registration.registered(with: [])
            self.registration.leaseLost()
        }
        let record = self.record()
        self.registration.opened(record)
        #expect(self.registration.next() == .register)
        let seen = [record]
        self.registration.closed(record.id)
        self.registration.registered(with: seen)
        var listed: Set<ConnectionID> = []
        while case .update(_, let adding, let removing) = self.registration.next() {
            listed.formUnion(adding.map(\.id))
            listed.subtract(removing)
            #expect(self.registration.updated(adding: adding, removing: removing) == .init())
        }
        #expect(listed.isEmpty, "a ghost for as long as the node lives")
    }

    @Test mutating func `What was told as joined, and ended before a new registration had added it again, is told as left`() {
        self.registration.registered(with: [])
        let record = self.record()
        self.registration.opened(record)
        #expect(self.settle() == .init(joined: [record.id]))
        self.registration.leaseLost()
        self.registration.registered(with: [record])
        self.registration.closed(record.id)
        #expect(self.settle() == .init(left: [record.id]))
    }
}
