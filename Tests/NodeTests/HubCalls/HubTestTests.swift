import TestSupport
import Testing
import VolaryHubs
import VolaryHubsTesting
import VolaryNode

/// Hubs in the test kit: several nodes in this process, without a network.
@Suite(.timeLimit(.minutes(3)))
struct HubTestTests {
    /// Runs `body` with a cluster, all of whose nodes have the same hub.
    private static func with(
        _ nodes: Int = 1,
        _ hub: TestHub = TestHub(),
        _ body: (HubTest, TestHub) async throws -> Void
    ) async throws {
        let cluster = try await HubTest(nodes: nodes) { $0.add("test", hub) }
        do { try await body(cluster, hub) } catch { Issue.record(error) }
        try await cluster.stop()
    }

    @Test func `Arguments and results have types`() async throws {
        try await Self.with { cluster, _ in
            let ann = try await cluster.connect(to: "test", user: "ann")
            #expect(try await ann.invoke("add", 2, 3, as: Int.self) == 5)
            let point = try await ann.invoke("move", TestHub.Point(x: 1, y: 2), 3, as: TestHub.Point.self)
            #expect(point == TestHub.Point(x: 4, y: 2))
            #expect(try await ann.invoke("who", "hello", as: String.self) == "hello ann")
            try await ann.invoke("member")
            await #expect(throws: HubTestClient.CallError.self) { try await ann.invoke("admin") }
            let admin = try await cluster.connect(to: "test", claims: #"{"roles":["admin"]}"#)
            try await admin.invoke("admin")
        }
    }

    @Test func `Messages reach all, the others, a user and a group, on every node, and the receipts count them`() async throws {
        try await Self.with(2) { cluster, _ in
            let ann = try await cluster.connect(to: "test", on: 0, user: "ann")
            let bob = try await cluster.connect(to: "test", on: 1, user: "bob")
            #expect(try await ann.invoke("noteAll", "one", as: Int.self) == 2)
            #expect(try await ann.invoke("noteOthers", "two", as: Int.self) == 1)
            #expect(try await ann.invoke("noteUser", "bob", "three", as: Int.self) == 1)
            #expect(try await ann.invoke("noteUser", "eve", "lost", as: Int.self) == 0)
            #expect(try await ann.invoke("noteGroup", "g", "lost", as: Int.self) == 0)
            try await bob.invoke("enter", "g")
            #expect(try await ann.invoke("noteGroup", "g", "four", as: Int.self) == 1)
            try await bob.invoke("leave", "g")
            #expect(try await ann.invoke("noteGroup", "g", "lost", as: Int.self) == 0)
            for text in ["one", "two", "three", "four"] { #expect(try await bob.next("note", as: String.self) == text) }
            #expect(try await ann.next("note", as: String.self) == "one")
            await #expect(throws: HubTestClient.CallError.self) { try await ann.invoke("noteGroup", "", "x", as: Int.self) }
        }
    }

    @Test func `A client is asked for a result while its call waits`() async throws {
        try await Self.with { cluster, _ in
            let ann = try await cluster.connect(to: "test")
            async let confirmed = ann.invoke("confirmed", "Sure?", as: Bool.self)
            try await ann.answer("confirm", with: true)
            #expect(try await confirmed)
        }
    }

    @Test func `Calls of a client come one after the other, and streams beside them`() async throws {
        try await Self.with { cluster, hub in
            let ann = try await cluster.connect(to: "test", user: "ann")
            let waiting = Task { try await ann.invoke("wait", "long") }
            #expect(await eventually { hub.history.all.contains("begins long") })
            #expect(try await ann.stream("count", 3, as: Int.self) == [0, 1, 2])
            async let entry: Void = ann.invoke("log", "behind")
            #expect(try await ann.stream("endless", as: Int.self, first: 3) == [1, 2, 3])
            #expect(!hub.history.all.contains("behind"))
            ann.cancel(call: 1)
            await #expect(throws: HubTestClient.CallError.self) { try await waiting.value }
            try await entry
            #expect(hub.history.all == ["+ann", "begins long", "ends long", "behind"])
        }
    }

    @Test func `A thousand calls that want no answer are carried out in their order`() async throws {
        try await Self.with { cluster, hub in
            let ann = try await cluster.connect(to: "test", user: "ann")
            for number in 0..<1000 { try ann.send("log", "\(number)") }
            try await ann.invoke("nothing")
            #expect(hub.history.all == ["+ann"] + (0..<1000).map { "\($0)" })
        }
    }

    @Test func `A client uploads streams, one or several, among other arguments`() async throws {
        try await Self.with { cluster, _ in
            let ann = try await cluster.connect(to: "test")
            #expect(try await ann.upload(Array(1...500), to: "total", as: Int.self) == 125_250)
            #expect(try await ann.upload([Int](), to: "total", as: Int.self) == 0)
            await #expect(throws: HubTestClient.CallError.self) { try await ann.upload(["a"], to: "total", as: Int.self) }
            #expect(try await ann.upload([1], to: "total", as: Int.self) == 1)
        }
    }

    @Test func `A stream that fails ends with the error after its items`() async throws {
        try await Self.with { cluster, _ in
            let ann = try await cluster.connect(to: "test")
            let text = "An error occurred on the server while streaming results. HubException: no more"
            await #expect(throws: HubTestClient.CallError(text: text)) { try await ann.stream("breaks", as: Int.self) }
        }
    }

    @Test func `The end of a connection cancels its calls, and the hub is told once they have ended`() async throws {
        try await Self.with { cluster, hub in
            let ann = try await cluster.connect(to: "test", user: "ann")
            try ann.send("wait", "call")
            #expect(await eventually { hub.history.all.contains("begins call") })
            ann.leave()
            #expect(await eventually { hub.history.all.last == "-ann" })
            #expect(hub.history.all == ["+ann", "begins call", "ends call", "-ann"])
            let bob = try await cluster.connect(to: "test", user: "bob")
            try await bob.invoke("nothing")
            bob.leave(isClean: false)
            #expect(await eventually { hub.history.all.last == "-bob!" })
        }
    }

    @Test func `A hub refuses a client, which gets no reason and calls nothing`() async throws {
        try await Self.with { cluster, hub in
            let banned = try await cluster.connect(to: "test", user: "banned")
            try banned.send("log", "in")
            #expect(await banned.closed() == "Connection closed with an error.")
            #expect(await eventually { hub.history.all == ["-banned!"] })
        }
    }

    @Test func `Code outside of a call reaches clients once the node runs`() async throws {
        let hub = HubNode()
        let early = hub.add("test", TestHub())
        await #expect(throws: HubSendError.notStarted) { try await early.clients.all.note("x") }
        nonisolated(unsafe) var context: HubContext<TestClients>?
        let cluster = try await HubTest { context = $0.add("test", TestHub()) }
        let ann = try await cluster.connect(to: "test")
        try await ann.invoke("nothing")
        #expect(try await context?.clients.all.note("hello").recipients == 1)
        #expect(try await context?.clients.connections([ann.id]).note("again").recipients == 1)
        try await context?.groups.add(ann.id, to: "g")
        _ = try await context?.clients.group("g").unconfirmed.note("last")
        for text in ["hello", "again", "last"] { #expect(try await ann.next("note", as: String.self) == text) }
        try await cluster.stop()
    }
}
