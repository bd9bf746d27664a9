import TestSupport
import Testing
import VolaryHubs
import VolaryHubsTesting
import VolaryProtocol

@testable import chat_hub
@testable import dashboard_hub
@testable import game_hub
@testable import reference_hub

/// The examples of deploy/examples, in the test kit.
@Suite(.timeLimit(.minutes(3)))
struct ExampleHubsTests {
    @Test func `The reference hub has a method for each feature`() async throws {
        let cluster = try await HubTest(nodes: 2) { $0.add("reference", ReferenceHub()) }
        let ann = try await cluster.connect(to: "reference", on: 0, user: "ann")
        let bob = try await cluster.connect(to: "reference", on: 1, user: "bob")
        let value = AnyValue.object(["a": .list([.integer(1), .number(1.5), .null, .boolean(true), .text("x")])])
        #expect(try await ann.invoke("Echo", value, as: AnyValue.self) == value)
        try await bob.invoke("JoinGroup", "g")
        try await ann.invoke("Broadcast", "1")
        try await ann.invoke("SendToGroup", "g", "2")
        try await ann.invoke("SendToUser", "bob", "3")
        try await ann.invoke("SendToConnection", bob.id.description, "4")
        try await bob.invoke("LeaveGroup", "g")
        try await ann.invoke("SendToGroup", "g", "lost")
        try await ann.invoke("SendToUser", "bob", "5")
        for text in ["1", "2", "3", "4", "5"] {
            #expect(try await bob.next("message", as: String.self, String.self) == ("ann", text))
        }
        #expect(try await ann.stream("Count", 5, as: Int.self) == [1, 2, 3, 4, 5])
        #expect(try await ann.stream("Count", 0, as: Int.self) == [])
        #expect(try await ann.stream("Count", 1_000_000_000, as: Int.self, first: 2) == [1, 2])
        #expect(try await ann.upload([1.5, 2.5], to: "Sum", as: Double.self) == 4)
        let text = "An unexpected error occurred invoking 'Fail' on the server. HubException: as it should"
        await #expect(throws: HubTestClient.CallError(text: text)) { try await ann.invoke("Fail") }
        async let asked = ann.invoke("AskCaller", "double", AnyValue.integer(4), as: AnyValue.self)
        try await ann.answer("double", with: 8)
        #expect(try await asked == .integer(8))
        try await cluster.stop()
    }

    @Test func `The chat has rooms, whispers, and a moderator`() async throws {
        let cluster = try await HubTest(nodes: 2) { $0.add("chat", Chat(rooms: Rooms())) }
        let ann = try await cluster.connect(to: "chat", on: 0, user: "ann")
        let bob = try await cluster.connect(to: "chat", on: 1, user: "bob", claims: #"{"role":"moderator"}"#)
        #expect(try await ann.invoke("join", "lobby", as: Int.self) == 1)
        #expect(try await bob.invoke("join", "lobby", as: Int.self) == 1)
        #expect(try await ann.next("message", as: String.self, String.self) == ("lobby", "bob joined"))
        try await ann.invoke("say", "hi", "lobby")
        #expect(try await bob.next("message", as: String.self, String.self) == ("ann", "hi"))
        #expect(try await ann.invoke("whisper", "psst", "bob", as: Bool.self))
        #expect(try await ann.invoke("whisper", "psst", "eve", as: Bool.self) == false)
        await #expect(throws: HubTestClient.CallError.self) { try await ann.invoke("closeRoom", "lobby") }
        async let closed: Void = bob.invoke("closeRoom", "lobby")
        try await bob.answer("confirm", with: true)
        try await closed
        #expect(try await ann.next("message", as: String.self, String.self) == ("ann", "hi"))
        #expect(try await ann.next("message", as: String.self, String.self) == ("lobby", "This room is closed."))
        await #expect(throws: HubTestClient.CallError.self) {
            try await ann.invoke("join", String(repeating: "x", count: 41), as: Int.self)
        }
        try await cluster.stop()
    }

    @Test func `The dashboard passes readings of sensors on to viewers, and alarms to viewers of all nodes`() async throws {
        let board = Board()
        let cluster = try await HubTest(nodes: 2) { $0.add("dashboard", Dashboard(board: board)) }
        let viewer = try await cluster.connect(to: "dashboard", on: 0)
        let other = try await cluster.connect(to: "dashboard", on: 1)
        let sensor = try await cluster.connect(to: "dashboard", on: 0, claims: #"{"role":"sensor"}"#)
        await #expect(throws: HubTestClient.CallError.self) {
            try await viewer.upload([Reading](), to: "report", as: Int.self)
        }
        let seen = Task { try await viewer.stream("readings", "s1", as: Reading.self, first: 2) }
        #expect(await eventually { await board.viewerCount == 1 })
        let readings = [
            Reading(sensor: "s1", value: 1), Reading(sensor: "s2", value: 2), Reading(sensor: "s1", value: 101),
        ]
        #expect(try await sensor.upload(readings, to: "report", as: Int.self) == 3)
        #expect(try await seen.value == [readings[0], readings[2]])
        #expect(try await other.next("alarm", as: Reading.self) == readings[2])
        #expect(await eventually { await board.viewerCount == 0 })
        try await cluster.stop()
    }

    @Test func `The game ticks until somebody has won`() async throws {
        let cluster = try await HubTest { node in
            node.add("game") { Game(matches: Matches(context: $0, tick: .milliseconds(1))) }
        }
        let ann = try await cluster.connect(to: "game", user: "ann")
        let bob = try await cluster.connect(to: "game", user: "bob")
        await #expect(throws: HubTestClient.CallError.self) { try await ann.invoke("move", "up", "m") }
        try await ann.invoke("enter", "m")
        try await bob.invoke("enter", "m")
        for _ in 0..<Matches.goal { try await ann.invoke("move", "right", "m") }
        #expect(try await bob.next("over", as: String.self) == "ann")
        let (players, _) = try await ann.next("state", as: [String: game_hub.Position].self, Int.self)
        #expect(players["ann"] != nil)
        try await cluster.stop()
    }
}
