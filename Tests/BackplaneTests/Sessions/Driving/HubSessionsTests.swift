import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// A node's sessions in one hub: what the driver makes of answers, of lost ones, and of the store's faults.
@Suite(.timeLimit(.minutes(5)))
struct HubSessionsTests {
    private let group = AudienceName("g")

    private func publish(_ text: String) -> SessionRequest.Action { .publish(.test(text, to: .group(self.group))) }

    @Test func `A session gets what follows its attachment, and its own messages`() async throws {
        let node = DrivenNode(MemorySessionStore())
        let client = try await node.attach([group])
        for text in ["1", "2"] { #expect(try await node.request(self.publish(text), of: client) == nil) }
        #expect(await eventually { client.texts == ["1:1", "2:2"] })
    }

    @Test func `Another node claims a session, and goes on with its numbers`() async throws {
        let store = MemorySessionStore()
        let (first, second) = (DrivenNode(store), DrivenNode(store))
        let client = try await first.attach([group])
        let other = try await second.attach()
        #expect(try await first.request(self.publish("1"), of: client) == nil)
        #expect(await eventually { client.texts == ["1:1"] })
        first.lose(client)
        #expect(try await second.request(self.publish("2"), of: other) == nil)
        guard case .claimed(_, let record) = await second.claim(client) else { throw ContractError() }
        #expect(record.memberships.current == [group])
        #expect(try await second.request(self.publish("3"), of: client) == nil)
        // Nothing was acknowledged, so everything comes again under its number.
        #expect(await eventually { client.texts == ["1:1", "1:1", "2:2", "3:3"] })
        #expect(client.endings.isEmpty)
    }

    @Test func `A claim cuts the transport of the former owner, whose requests fail`() async throws {
        let store = MemorySessionStore()
        let (first, second) = (DrivenNode(store), DrivenNode(store))
        let client = try await first.attach([group])
        let resumed = DrivenClient(client.id)
        guard case .claimed = await second.claim(resumed) else { throw ContractError() }
        #expect(await eventually { client.endings == [.cut] })
        #expect(try await first.request(self.publish("of the past"), of: client) == .unreachable)
        #expect(try await second.request(self.publish("1"), of: resumed) == nil)
        #expect(await eventually { resumed.texts == ["1:1"] })
        #expect(client.texts.isEmpty)
    }

    @Test func `An operation whose answer is lost is carried out once`() async throws {
        let store = MemorySessionStore()
        let node = DrivenNode(store)
        let client = try await node.attach([group])
        for number in 1...5 {
            store.loseNextAnswers()
            #expect(try await node.request(self.publish("\(number)"), of: client, ackID: UInt64(number)) == nil)
            #expect(try await node.request(self.publish("again"), of: client, ackID: UInt64(number)) == .duplicate)
        }
        #expect(await eventually { client.texts == (1...5).map { "\($0):\($0)" } })
    }

    @Test func `Calls whose answers are lost are repeated`() async throws {
        let store = MemorySessionStore()
        let (first, second) = (DrivenNode(store), DrivenNode(store))
        let client = try await first.attach([group])
        #expect(try await first.request(self.publish("1"), of: client) == nil)
        store.loseNextAnswers(2)
        first.lose(client)
        #expect(await eventually { store.record(of: client.id)?.isDetached == true })
        #expect(await eventually { await first.sessions.isIdle() })
        guard case .claimed = await second.claim(client) else { throw ContractError() }
        #expect(await eventually { client.texts.last == "1:1" })
        #expect(try await second.request(.join(AudienceName("h")), of: client) == nil)
    }

    @Test func `A promotion that has everything that a node saw changes nothing for its clients`() async throws {
        let store = MemorySessionStore()
        let node = DrivenNode(store)
        let client = try await node.attach([group])
        #expect(try await node.request(self.publish("1"), of: client) == nil)
        #expect(await eventually { client.texts == ["1:1"] })
        store.stallReplica()
        store.promoteReplica()
        #expect(try await node.request(self.publish("2"), of: client) == nil)
        #expect(await eventually { client.texts == ["1:1", "2:2"] })
        #expect(client.endings.isEmpty)
    }

    @Test func `A promotion that lacks what a client saw ends its connection for good`() async throws {
        let store = MemorySessionStore()
        let node = DrivenNode(store)
        let client = try await node.attach([group])
        store.stallReplica()
        #expect(try await node.request(self.publish("1"), of: client) == nil)
        #expect(await eventually { client.texts == ["1:1"] })
        store.promoteReplica()
        #expect(await eventually { client.endings == [.unrecoverable] })
        guard case .never = await node.claim(client) else { throw ContractError() }
    }

    @Test func `A session that is detached while the store is away goes on in a new epoch, which its client has seen all of`()
        async throws
    {
        let store = MemorySessionStore()
        let (first, second) = (DrivenNode(store), DrivenNode(store))
        let client = try await first.attach([group])
        #expect(try await first.request(self.publish("1"), of: client) == nil)
        #expect(await eventually { client.texts == ["1:1"] })
        store.setAway(true)
        first.lose(client)
        // Behind the loss on the same loop.
        #expect(await !first.sessions.isIdle())
        store.stallReplica()
        store.promoteReplica()
        store.setAway(false)
        let resumed = DrivenClient(client.id)
        var claim = await second.claim(resumed)
        while case .later = claim { claim = await second.claim(resumed) }
        guard case .claimed = claim else { throw ContractError() }
        #expect(try await second.request(self.publish("2"), of: resumed) == nil)
        #expect(await eventually { resumed.texts == ["1:1", "2:2"] })
    }

    @Test func `A session that is detached while the store is away is removed by a new epoch that lacks what its client saw`()
        async throws
    {
        let store = MemorySessionStore()
        let node = DrivenNode(store)
        let client = try await node.attach([group])
        store.stallReplica()
        #expect(try await node.request(self.publish("1"), of: client) == nil)
        #expect(await eventually { client.texts == ["1:1"] })
        store.setAway(true)
        node.lose(client)
        #expect(await !node.sessions.isIdle())
        store.promoteReplica()
        store.setAway(false)
        #expect(await eventually { store.record(of: client.id) == nil })
    }

    @Test func `A session without transport whose request waits is detached after it`() async throws {
        let store = MemorySessionStore()
        let node = DrivenNode(store)
        let (client, listener) = (try await node.attach(), try await node.attach([group]))
        let results = NIOLockedValueBox(0)
        for number in 1...20 {
            guard let handle = client.handle.withLockedValue({ $0 }) else { throw ContractError() }
            let request = SessionRequest(self.publish("\(number)"), ackID: nil) { result in
                if case .success = result { results.withLockedValue { $0 += 1 } }
            }
            node.sessions.submit(request, of: handle)
        }
        node.lose(client)
        #expect(await eventually { store.record(of: client.id)?.isDetached == true })
        #expect(results.withLockedValue { $0 } == 20)
        #expect(await eventually { listener.texts == (1...20).map { "\($0):\($0)" } })
    }

    @Test func `A join beyond the limit of groups is refused for good, and leaves no subscription`() async throws {
        let node = DrivenNode(MemorySessionStore())
        let client = try await node.attach((0..<2048).map { AudienceName("g\($0)")! })
        for name: AudienceName in ["x", "y"] { #expect(try await node.request(.join(name), of: client) == .refused) }
        #expect(try await node.request(.leave("g0"), of: client) == nil)
        #expect(try await node.request(.join("z"), of: client) == nil)
        var heard: [Bool] = []
        for name: AudienceName in ["x", "y", "z"] { heard.append(try await node.hears(name)) }
        #expect(heard == [false, false, true])
    }

    @Test func `A client that has closed leaves no record`() async throws {
        let store = MemorySessionStore()
        let node = DrivenNode(store)
        let client = try await node.attach()
        node.lose(client, .removes(reason: ""))
        #expect(await eventually { store.record(of: client.id) == nil })
    }

    @Test func `Acknowledged messages are not sent again, and the checkpoint moves on in quiet hubs`() async throws {
        let store = MemorySessionStore()
        let (first, second) = (DrivenNode(store), DrivenNode(store))
        let client = try await first.attach([group])
        for text in ["1", "2"] { #expect(try await first.request(self.publish(text), of: client) == nil) }
        #expect(await eventually { client.texts.count == 2 })
        let before = try #require(store.record(of: client.id)?.checkpoint)
        if let handle = client.handle.withLockedValue({ $0 }) { first.sessions.acknowledged(2, by: handle) }
        #expect(await eventually { store.record(of: client.id)?.checkpoint.delivered == 2 })
        #expect(try #require(store.record(of: client.id)?.checkpoint.number) > before.number)
        let resumed = DrivenClient(client.id)
        guard case .claimed = await second.claim(resumed) else { throw ContractError() }
        #expect(try await second.request(self.publish("3"), of: resumed) == nil)
        #expect(await eventually { resumed.texts == ["3:3"] })
    }

    @Test func `The sessions of a dead node are taken, those of a living one are not`() async throws {
        let store = MemorySessionStore()
        let (dead, living, sweeper) = (DrivenNode(store), DrivenNode(store), DrivenNode(store, graceMilliseconds: 500))
        let (lost, kept) = (try await dead.attach(), try await living.attach())
        _ = try await sweeper.attach()
        dead.sessions.stop()
        sweeper.dead.withLockedValue { _ = $0.insert(dead.id) }
        #expect(await eventually { store.record(of: lost.id)?.isDetached == true })
        #expect(store.record(of: kept.id)?.isDetached == false)
    }

    @Test func `Operations of REST are carried out once, and change sessions of other nodes`() async throws {
        let store = MemorySessionStore()
        let (owner, other) = (DrivenNode(store), DrivenNode(store))
        let client = try await owner.attach()
        store.loseNextAnswers()
        let join = SessionOperation.change(SessionChange(.joined(group), of: client.id))
        let answer = await other.sessions.execute(join, timeout: .seconds(30))
        #expect(answer == .alreadyExecuted)
        let permissions = SessionOperation.change(SessionChange(.permissions(["x"]), of: client.id))
        #expect(await other.sessions.execute(permissions, timeout: .seconds(30)) == .executed)
        let message = SessionOperation.publish(.test("1", to: .group(group)), from: nil)
        #expect(await other.sessions.execute(message, timeout: .seconds(30)) == .executed)
        #expect(await eventually { client.texts == [#"permissions ["x"]"#, "1:1"] })
        #expect(await other.sessions.execute(.close(client.id, reason: "r"), timeout: .seconds(30)) == .executed)
        #expect(await eventually { client.endings == [.closed(reason: "r")] })
        #expect(await other.sessions.execute(.close(client.id, reason: "r"), timeout: .seconds(30)) == .refused(.gone))
    }
}

extension SessionRecord {
    fileprivate var isDetached: Bool { if case .detached = self.status { true } else { false } }
}

extension MemorySessionStore {
    fileprivate func record(of id: ConnectionID) -> SessionRecord? {
        self.state.withLockedValue { $0.hubs[.default]?.records[id] }
    }
}
