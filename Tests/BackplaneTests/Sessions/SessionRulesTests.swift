import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// The pure rules, one by one.
struct SessionRulesTests {
    private let group = AudienceName("g")
    private let connection = ConnectionID("0000000000000000000000ff00000001")!

    private func entry(_ number: UInt64, _ publication: HubPublication) -> LogEntry {
        LogEntry(
            number: number,
            previous: 0,
            topic: publication.publication.audience,
            time: 0,
            content: .publication(publication)
        )
    }

    @Test func `A membership holds behind its join, up to its leave`() {
        var history = MembershipHistory()
        history.join(group, at: 5)
        history.join(group, at: 6)
        #expect(history.isMember(of: group) && history.current == [group])
        history.leave(group, at: 8)
        history.leave(group, at: 9)
        history.join(group, at: 12)
        #expect((4...13).filter { history.contains(group, at: $0) } == [6, 7, 8, 13])
        #expect(history.beginnings(above: 0) == [group: 5] && history.beginnings(above: 8) == [group: 12])
        // Repeated, as when a page and the record overlap.
        history.join(group, at: 5)
        history.leave(group, at: 8)
        #expect(history.count == 2)
        history.prune(through: 7)
        #expect(history.count == 2)
        history.prune(through: 8)
        #expect(history.count == 1)
    }

    @Test func `The newest thousand acknowledged ids are remembered`() {
        var ids = AcknowledgedIDs()
        for number: UInt64 in 1...1500 { ids.insert(.number(number)) }
        #expect(!ids.contains(.number(500)) && ids.contains(.number(501)) && ids.contains(.number(1500)))
        #expect(!ids.contains(.number(1501)) && ids.bytes == 32)
        let text = AckID(UTF8Text("1500"))!
        #expect(!ids.contains(text))
        ids.insert(text)
        ids.insert(.number(7))
        #expect(ids.contains(text) && ids.contains(.number(7)) && !ids.contains(.number(502)))
    }

    @Test func `A publication goes to the members of its number, but for exclusions`() {
        var memberships = MembershipHistory()
        memberships.join(group, at: 5)
        memberships.leave(group, at: 8)
        let filter = DeliveryFilter(connection: connection, user: AudienceName("u"))
        let toGroup = HubPublication.test("", to: .group(group))
        #expect(filter.delivers(self.entry(8, toGroup), to: memberships) != nil)
        #expect(filter.delivers(self.entry(9, toGroup), to: memberships) == nil)
        let excluded = HubPublication.test("", to: .group(group), PublicationDetails(excluded: [connection]))
        #expect(filter.delivers(self.entry(8, excluded), to: memberships) == nil)
        let condition = PubSubFilter.parsed("'\(group.text)' in groups and userId eq 'u'")
        let filtered = HubPublication.test("", to: .all, PublicationDetails(filter: condition))
        #expect(filter.delivers(self.entry(8, filtered), to: memberships) != nil)
        #expect(filter.delivers(self.entry(9, filtered), to: memberships) == nil)
        let other = PubSubFilter.parsed("not (connectionId eq '\(connection)') or userId eq 'v'")
        let toNobody = HubPublication.test("", to: .all, PublicationDetails(filter: other))
        #expect(filter.delivers(self.entry(9, toNobody), to: memberships) == nil)
    }

    @Test func `A journal sends again what the store lacks, without what was refused`() {
        var journal = OperationJournal(messages: 3)
        let writer = SessionWriter(connection: connection, fence: Fence(Position(epoch: 1, number: 1)))
        for text in ["1", "2", "3", "4", "5"] { _ = journal.add(.publish(.test(text, to: .all), from: writer)) }
        #expect(journal.outstanding == 5)
        for number: UInt64 in 1...4 { journal.answered(number, number == 3 ? .refused(.full) : .executed) }
        // The first is no longer kept, nor is the second.
        let again = journal.resend(after: 1) { _ in false }
        #expect(journal.lost == 1)
        #expect(again.map(\.sequence) == [.init(number: 4, previous: 1), .init(number: 5, previous: 4)])
        // The confirmed one in the node's own name; the other is refused or not, as the session's.
        #expect(again.map(\.operation.writer) == [nil, writer])
        // The same answer again, and an older store.
        for last: UInt64 in [1, 0] {
            _ = journal.resend(after: last) { _ in false }
            #expect(journal.lost == 1)
        }
        journal.forgetConfirmed()
        _ = journal.resend(after: 0) { _ in false }
        #expect(journal.lost == 1, "nobody is left who misses it")
    }

    @Test func `A journal finds an operation among gaps, and forgets attachments that were answered`() {
        var journal = OperationJournal()
        for text in ["1", "2", "3", "4", "5"] { _ = journal.add(.publish(.test(text, to: .all), from: nil)) }
        for number: UInt64 in [1, 3] { journal.answered(number, .executed) }
        journal.forgetConfirmed()
        journal.answered(4, .refused(.full))
        #expect(journal.outstanding == 2)
        _ = journal.add(.attach(SessionAttachment(connection: connection, protocol: "", tokenHash: [], window: .seconds(1))))
        journal.answered(6, .attached(Fence(Position(epoch: 1, number: 1))))
        journal.answered(7, .executed)
        #expect(journal.resend(after: 0) { _ in true }.map(\.sequence.number) == [2, 5])
    }

    @Test func `A session whose topics are quiet is stored in its turn, others each time`() {
        var follower = HubFollower(node: NodeID(rawValue: 1))
        var output = SessionOutput()
        let ids = (0...1).map { _ in ConnectionID.random(on: follower.node, shard: 0) }
        let fence = Fence(Position(epoch: 1, number: 10))
        follower.observed(fence.position, nil, into: &output)
        for id in ids { follower.attach(id, client: NamedClient(id), user: nil, groups: [], into: &output) }
        follower.received(.subscribed([.all]), now: 0, into: &output)
        for id in ids { follower.attached(id, fence, groups: [], now: 0, into: &output) }
        func taken(_ turn: Int) -> [String] {
            follower.takeCheckpoints(turn: turn, of: 3, into: &output).map {
                "\(ids.firstIndex(of: $0.session.connection) ?? -1)@\($0.checkpoint.number)"
            }
        }
        follower.received(.mark(Position(epoch: 1, number: 20)), now: 0, into: &output)
        #expect(taken(2) == [] && taken(1) == ["1@20"] && taken(0) == ["0@20"])
        #expect(taken(3) == ["0@20"], "its topics are still needed")
        // Not for the second, but a replay would read it.
        let excluding = HubPublication.test("", to: .all, PublicationDetails(excluded: [ids[1]]))
        follower.received(.entry(self.entry(21, excluding), epoch: 1), now: 0, into: &output)
        #expect(taken(2) == ["1@21"])
        follower.received(.mark(Position(epoch: 1, number: 30)), now: 0, into: &output)
        #expect(taken(2) == [])
        follower.acknowledged(ids[0], through: 1, into: &output)
        #expect(taken(2) == ["0@30"])
        follower.received(.mark(Position(epoch: 1, number: 40)), now: 0, into: &output)
        #expect(taken(2) == [] && taken(0) == ["0@40"])
    }

    @Test func `A session that a client does not acknowledge ends at a bound`() {
        var follower = HubFollower(node: NodeID(rawValue: 1))
        var output = SessionOutput()
        let fence = Fence(Position(epoch: 1, number: 10))
        follower.observed(fence.position, nil, into: &output)
        follower.attach(connection, client: NamedClient(connection), user: nil, groups: [], into: &output)
        follower.received(.subscribed([.all]), now: 0, into: &output)
        #expect(follower.isConfirmed(connection))
        follower.attached(connection, fence, groups: [], now: 0, into: &output)
        output = SessionOutput()
        for number: UInt64 in 11...1011 {
            let entry = LogEntry(
                number: number,
                previous: number - 1,
                topic: .all,
                time: 0,
                content: self.entry(1, .test("", to: .all)).content
            )
            follower.received(.entry(entry, epoch: 1), now: 0, into: &output)
            if number == 600 { follower.acknowledged(connection, through: 1, into: &output) }
        }
        #expect(output.actions.count == 1001)
        follower.received(.entry(self.entry(1012, .test("", to: .all)), epoch: 1), now: 0, into: &output)
        #expect(output.actions.last == .unsubscribe([.all]))
        #expect(output.actions.dropLast().last == .end(connection, fence, .unrecoverable(.overflow)))
    }

    @Test func `A client that acknowledges what it was not sent cannot be resumed`() {
        var follower = HubFollower(node: NodeID(rawValue: 1))
        var output = SessionOutput()
        follower.observed(Position(epoch: 1, number: 10), nil, into: &output)
        follower.attach(connection, client: NamedClient(connection), user: nil, groups: [], into: &output)
        follower.received(.subscribed([.all]), now: 0, into: &output)
        follower.attached(connection, Fence(Position(epoch: 1, number: 10)), groups: [], now: 0, into: &output)
        follower.acknowledged(connection, through: 1, into: &output)
        #expect(output.actions.contains { if case .end(_, _, .unrecoverable(.acknowledgement)) = $0 { true } else { false } })
        #expect(follower.sessions.isEmpty)
    }

    @Test(arguments: [(3, true), (10, true), (11, false), (99, false), (100, true)] as [(UInt64, Bool)])
    func `A session goes on behind a loss, if it had looked at all that is lost`(number: UInt64, isHarmless: Bool) {
        for isKnownAtOnce in [true, false] {
            var follower = HubFollower(node: NodeID(rawValue: 1))
            var output = SessionOutput()
            let fence = Fence(Position(epoch: 10, number: 5))
            follower.observed(fence.position, nil, into: &output)
            follower.attach(connection, client: NamedClient(connection), user: nil, groups: [], into: &output)
            follower.received(.subscribed([.all]), now: 0, into: &output)
            follower.attached(connection, fence, groups: [], now: 0, into: &output)
            // Nothing was delivered, so nothing that it saw is lost.
            follower.received(.mark(Position(epoch: 10, number: 10)), now: 0, into: &output)
            output = SessionOutput()
            let lost = Position(epoch: 10, number: number)
            let loss = EpochLoss(above: 8, lastOperation: 0, isTotal: false, lost: isKnownAtOnce ? lost : nil)
            follower.observed(Position(epoch: 20, number: 100), loss, into: &output)
            let position = Position(epoch: 20, number: 101)
            follower.compare(LastNumbers(byTopic: [:], lost: lost), at: position, into: &output)
            #expect(output.actions.contains(.end(connection, fence, .unrecoverable(.historyLost))) != isHarmless)
            #expect(follower.sessions.isEmpty != isHarmless)
        }
    }

    @Test func `A session that makes no progress for two seconds is cut`() {
        var follower = HubFollower(node: NodeID(rawValue: 1))
        var output = SessionOutput()
        follower.attach(connection, client: NamedClient(connection), user: nil, groups: [], into: &output)
        follower.tick(now: 1000, into: &output)
        follower.tick(now: 2999, into: &output)
        #expect(!follower.sessions.isEmpty)
        follower.tick(now: 3000, into: &output)
        #expect(follower.sessions.isEmpty && output.actions.contains(.end(connection, nil, .cut)))
    }

    @Test func `What does not fit while a session reads is read again`() {
        var follower = HubFollower(node: NodeID(rawValue: 1))
        var output = SessionOutput()
        let fence = Fence(Position(epoch: 1, number: 10))
        follower.observed(fence.position, nil, into: &output)
        follower.attach(connection, client: NamedClient(connection), user: nil, groups: [], into: &output)
        follower.received(.subscribed([.all]), now: 0, into: &output)
        let large = String(repeating: "x", count: 600_000)
        for number: UInt64 in 11...12 {
            follower.received(.entry(self.entry(number, .test(large, to: .all)), epoch: 1), now: 0, into: &output)
        }
        #expect(follower.heldBytes == 0)
        output = SessionOutput()
        follower.attached(connection, fence, groups: [], now: 0, into: &output)
        guard case .read(let read, _) = output.actions.last else {
            Issue.record("no read")
            return
        }
        #expect(read.after == 10)
    }
}
