import VolaryHubs

struct Position: Codable, Hashable, Sendable {
    var x = 0
    var y = 0
}

enum Direction: String, Codable, Sendable {
    case up, down, left, right
}

/// What players handle.
enum GameClient {}

extension HubTarget<GameClient> {
    func state(_ players: [String: Position], tick: Int) async throws { try await self.send("state", players, tick) }
    func over(winner: String) async throws { try await self.send("over", winner) }
}

/// A race to x = 10, at 20 ticks a second: `/hubs/game`. The players of a match are to be connected to one node: each node runs
/// the matches of its own players.
struct Game: Hub {
    typealias Client = GameClient

    let matches: Matches

    static var methods: [HubMethod<Game>] {
        method("enter", Game.enter)
        method("move", Game.move)
    }

    func enter(_ match: String, caller: Caller) async throws {
        guard let user = caller.user else { throw HubError("Players have a name.") }
        try await caller.groups.add(caller.id, to: match)
        await self.matches.enter(match, user)
    }

    func move(_ direction: Direction, in match: String, caller: Caller) async throws {
        guard let user = caller.user, await self.matches.move(direction, user, in: match) else {
            throw HubError("You are not in this match.")
        }
    }

    func disconnected(_ caller: Caller, error: (any Error)?) async {
        if let user = caller.user { await self.matches.leave(user) }
    }
}

/// The matches of this node, and their clock.
actor Matches {
    static let goal = 10

    private var matches: [String: [String: Position]] = [:]
    private let context: HubContext<GameClient>
    private let tick: Duration

    init(context: HubContext<GameClient>, tick: Duration = .milliseconds(50)) {
        self.context = context
        self.tick = tick
    }

    func enter(_ match: String, _ user: String) {
        let isNew = self.matches[match] == nil
        self.matches[match, default: [:]][user] = Position()
        if isNew { Task { await self.run(match) } }
    }

    func leave(_ user: String) {
        for match in self.matches.keys { self.matches[match]?[user] = nil }
    }

    /// - Returns: whether the user is in the match.
    func move(_ direction: Direction, _ user: String, in match: String) -> Bool {
        guard var position = self.matches[match]?[user] else { return false }
        switch direction {
        case .up: position.y += 1
        case .down: position.y -= 1
        case .left: position.x -= 1
        case .right: position.x += 1
        }
        self.matches[match]?[user] = position
        return true
    }

    /// Runs until somebody has won, or nobody is left.
    private func run(_ match: String) async {
        let players = self.context.clients.group(match).unconfirmed
        var tick = 0
        while let positions = self.matches[match], !positions.isEmpty {
            tick += 1
            // A tick that finds no room is not sent again: the next one says more.
            try? await players.state(positions, tick: tick)
            if let winner = positions.first(where: { $0.value.x >= Self.goal }) {
                try? await players.over(winner: winner.key)
                break
            }
            try? await Task.sleep(for: self.tick)
        }
        self.matches[match] = nil
    }
}
