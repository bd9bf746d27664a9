import VolaryHubs

/// What clients of the chat handle.
enum ChatClient {}

extension HubTarget<ChatClient> {
    @discardableResult
    func message(from: String, text: String) async throws -> Receipt { try await self.send("message", from, text) }
}

extension One<ChatClient> {
    /// Asks the person in front of the client.
    func confirm(_ question: String) async throws -> Bool { try await self.ask("confirm", question) }
}

/// Who joined which room at this node.
actor Rooms {
    private var members: [String: Set<ConnectionID>] = [:]

    func add(_ id: ConnectionID, to room: String) -> Int {
        self.members[room, default: []].insert(id)
        return self.members[room]?.count ?? 0
    }

    func remove(_ id: ConnectionID) {
        for room in self.members.keys { self.members[room]?.remove(id) }
        self.members = self.members.filter { !$0.value.isEmpty }
    }
}

/// A chat with rooms: `/hubs/chat`.
struct Chat: Hub {
    typealias Client = ChatClient

    let rooms: Rooms

    static var methods: [HubMethod<Chat>] {
        method("join", Chat.join)
        method("say", Chat.say)
        method("whisper", Chat.whisper)
        method("closeRoom", requires: .role("moderator"), Chat.closeRoom)
    }

    /// - Returns: how many of this node are in the room.
    func join(_ room: String, caller: Caller) async throws -> Int {
        guard room.count <= 40 else { throw HubError("A room's name has at most 40 characters.") }
        try await caller.groups.add(caller.id, to: room)
        let count = await self.rooms.add(caller.id, to: room)
        try await caller.clients.othersIn(room).message(from: room, text: "\(caller.name) joined")
        return count
    }

    func say(_ text: String, in room: String, caller: Caller) async throws {
        try await caller.clients.group(room).message(from: caller.name, text: text)
    }

    /// - Returns: whether the user is there.
    func whisper(_ text: String, to user: String, caller: Caller) async throws -> Bool {
        try await caller.clients.user(user).message(from: caller.name, text: text).recipients > 0
    }

    func closeRoom(_ room: String, caller: Caller) async throws {
        guard try await caller.clients.caller.confirm("Close \(room)?") else { return }
        try await caller.clients.group(room).message(from: room, text: "This room is closed.")
    }

    func disconnected(_ caller: Caller, error: (any Error)?) async { await self.rooms.remove(caller.id) }
}

extension HubCallerContext<ChatClient> {
    fileprivate var name: String { self.user ?? String(self.id.description.prefix(8)) }
}
