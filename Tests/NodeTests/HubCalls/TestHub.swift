import NIOConcurrencyHelpers
import VolaryHubs

/// What clients of the test's hub handle.
enum TestClients {}

extension HubTarget<TestClients> {
    @discardableResult
    func note(_ text: String) async throws -> Receipt { try await self.send("note", text) }
}

extension One<TestClients> {
    func confirm(_ question: String) async throws -> Bool { try await self.ask("confirm", question) }
}

/// What has happened in a hub.
final class HubHistory: Sendable {
    private let entries = NIOLockedValueBox<[String]>([])

    func add(_ entry: String) { self.entries.withLockedValue { $0.append(entry) } }

    var all: [String] { self.entries.withLockedValue { $0 } }
}

/// A hub with a method for each behavior.
struct TestHub: Hub {
    typealias Client = TestClients

    struct Secret: Error {
        let password = "hidden"
    }

    struct Point: Codable, Hashable, Sendable {
        var x: Int
        var y: Int
    }

    let history = HubHistory()

    static var methods: [HubMethod<TestHub>] {
        method("add", TestHub.add)
        method("move", TestHub.move)
        method("nothing", TestHub.nothing)
        method("who", TestHub.who)
        method("refuse", TestHub.refuse)
        method("crash", TestHub.crash)
        method("wait", TestHub.wait)
        method("log", TestHub.log)
        method("total", TestHub.total)
        method("both", TestHub.both)
        stream("count", TestHub.count)
        stream("endless", TestHub.endless)
        stream("breaks", TestHub.breaks)
        method("noteAll", TestHub.noteAll)
        method("noteOthers", TestHub.noteOthers)
        method("noteUser", TestHub.noteUser)
        method("noteGroup", TestHub.noteGroup)
        method("enter", TestHub.enter)
        method("leave", TestHub.leave)
        method("confirmed", TestHub.confirmed)
        method("admin", requires: .role("admin"), TestHub.nothing)
        method("member", requires: .user, TestHub.nothing)
    }

    func connected(_ caller: Caller) async throws {
        if caller.user == "banned" { throw HubError("not you") }
        self.history.add("+\(caller.user ?? "?")")
    }

    func disconnected(_ caller: Caller, error: (any Error)?) async {
        self.history.add("-\(caller.user ?? "?")\(error == nil ? "" : "!")")
    }

    func add(_ left: Int, to right: Int) -> Int { left + right }
    func move(_ point: Point, by distance: Int) async -> Point { Point(x: point.x + distance, y: point.y) }
    func nothing() {}
    func who(caller: Caller, _ greeting: String) -> String { "\(greeting) \(caller.user ?? "?")" }
    func refuse() throws -> Int { throw HubError("not today") }
    func crash() throws -> Int { throw Secret() }

    /// Ends when it is canceled.
    func wait(_ name: String) async throws {
        self.history.add("begins \(name)")
        defer { self.history.add("ends \(name)") }
        try await Task.sleep(for: .seconds(600))
    }

    func log(_ entry: String) async {
        // Calls behind it would overtake it here, if they could.
        if entry.count % 7 == 0 { await Task.yield() }
        self.history.add(entry)
    }

    func total(_ items: Upload<Int>) async throws -> Int { try await items.reduce(0, +) }

    func both(_ first: Upload<Int>, _ factor: Int, _ second: Upload<String>) async throws -> String {
        let sum = try await first.reduce(0, +) * factor
        return try await second.reduce("\(sum)") { "\($0) \($1)" }
    }

    func count(to limit: Int) -> AsyncStream<Int> {
        AsyncStream { continuation in
            for number in 0..<limit { continuation.yield(number) }
            continuation.finish()
        }
    }

    func endless() -> Endless { Endless() }

    func breaks() -> AsyncThrowingStream<Int, any Error> {
        AsyncThrowingStream { continuation in
            continuation.yield(1)
            continuation.finish(throwing: HubError("no more"))
        }
    }

    func noteAll(_ text: String, caller: Caller) async throws -> Int { try await caller.clients.all.note(text).recipients }
    func noteOthers(_ text: String, caller: Caller) async throws -> Int { try await caller.clients.others.note(text).recipients }

    func noteUser(_ user: String, _ text: String, caller: Caller) async throws -> Int {
        try await caller.clients.user(user).note(text).recipients
    }

    func noteGroup(_ group: String, _ text: String, caller: Caller) async throws -> Int {
        try await caller.clients.group(group).note(text).recipients
    }

    func enter(_ group: String, caller: Caller) async throws { try await caller.groups.add(caller.id, to: group) }
    func leave(_ group: String, caller: Caller) async throws { try await caller.groups.remove(caller.id, from: group) }
    func confirmed(_ question: String, caller: Caller) async throws -> Bool { try await caller.clients.caller.confirm(question) }
}

/// 1, 2, 3 … until its task is canceled.
struct Endless: AsyncSequence, Sendable {
    struct AsyncIterator: AsyncIteratorProtocol {
        var number = 0

        mutating func next() async throws -> Int? {
            try await Task.sleep(for: .milliseconds(1))
            self.number += 1
            return self.number
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator() }
}
