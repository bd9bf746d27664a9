import VolaryHubs

/// What clients of the reference hub handle.
enum ReferenceClient {}

extension HubTarget<ReferenceClient> {
    func message(from: String, text: String) async throws { try await self.send("message", from, text) }
}

/// One method for each feature of hubs, to try clients with: `/hubs/reference`.
struct ReferenceHub: Hub {
    typealias Client = ReferenceClient

    static var methods: [HubMethod<ReferenceHub>] {
        method("Echo", ReferenceHub.echo)
        method("Broadcast", ReferenceHub.broadcast)
        method("JoinGroup", ReferenceHub.joinGroup)
        method("LeaveGroup", ReferenceHub.leaveGroup)
        method("SendToGroup", ReferenceHub.sendToGroup)
        method("SendToUser", ReferenceHub.sendToUser)
        method("SendToConnection", ReferenceHub.sendToConnection)
        stream("Count", ReferenceHub.count)
        method("Sum", ReferenceHub.sum)
        method("Fail", ReferenceHub.fail)
        method("AskCaller", ReferenceHub.askCaller)
    }

    func echo(_ value: AnyValue) -> AnyValue { value }

    func broadcast(_ text: String, caller: Caller) async throws {
        try await caller.clients.all.message(from: caller.name, text: text)
    }

    func joinGroup(_ name: String, caller: Caller) async throws { try await caller.groups.add(caller.id, to: name) }

    func leaveGroup(_ name: String, caller: Caller) async throws { try await caller.groups.remove(caller.id, from: name) }

    func sendToGroup(_ name: String, text: String, caller: Caller) async throws {
        try await caller.clients.group(name).message(from: caller.name, text: text)
    }

    func sendToUser(_ user: String, text: String, caller: Caller) async throws {
        try await caller.clients.user(user).message(from: caller.name, text: text)
    }

    func sendToConnection(_ id: String, text: String, caller: Caller) async throws {
        guard let id = ConnectionID(id) else { throw HubError("'\(id)' is not the id of a connection.") }
        try await caller.clients.connection(id).message(from: caller.name, text: text)
    }

    func count(_ last: Int) -> Numbers { Numbers(last: last) }

    func sum(_ numbers: Upload<Double>) async throws -> Double { try await numbers.reduce(0, +) }

    func fail() throws { throw HubError("as it should") }

    func askCaller(_ method: String, _ value: AnyValue, caller: Caller) async throws -> AnyValue {
        try await caller.clients.caller.ask(method, value)
    }
}

extension HubCallerContext<ReferenceClient> {
    fileprivate var name: String { self.user ?? String(self.id.description.prefix(8)) }
}

/// 1 to `last`, with a short pause before each number.
struct Numbers: AsyncSequence, Sendable {
    struct AsyncIterator: AsyncIteratorProtocol {
        let last: Int
        var number = 0

        mutating func next() async throws -> Int? {
            guard self.number < self.last else { return nil }
            try await Task.sleep(for: .milliseconds(1))
            self.number += 1
            return self.number
        }
    }

    let last: Int

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(last: self.last) }
}
