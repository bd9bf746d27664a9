import NIOConcurrencyHelpers
import TestSupport

/// A client that comes back whenever it is closed, and remembers what it got each time.
final class RestartClient: Sendable {
    /// One connection, from the handshake's answer to its end.
    struct Visit: Sendable {
        let from: ContinuousClock.Instant
        /// Nil: the client left by itself.
        var closeCode: Int?
        var to: ContinuousClock.Instant
        /// By text, how often.
        var messages: [String: Int] = [:]
        var echoes: Set<String> = []

        /// A client that had been told to go may miss what was sent meanwhile; it learns of that later than the node does.
        private static let margin = Duration.seconds(2)

        /// Whether the client was connected the whole time, and did not get it.
        func misses(_ broadcast: BroadcastCaller.Broadcast) -> Bool {
            self.from < broadcast.from && broadcast.to.advanced(by: Self.margin) < self.to && self.messages[broadcast.text] == nil
        }

        var hasDuplicates: Bool { self.messages.values.contains { $0 > 1 } }
    }

    /// Who a client is.
    struct Identity: Sendable {
        let user: String
        let groups: [String]
        let token: String

        /// Whether what is pushed to them is for this client.
        func isOf(_ audience: BroadcastCaller.Audience) -> Bool {
            switch audience {
            case .everyone: true
            case .user(let name): self.user == name
            case .group(let name): self.groups.contains(name)
            }
        }
    }

    private struct State {
        var client: WebSocketTestClient?
        var since = ContinuousClock.now
        var visits: [Visit] = []
        var problems: [String] = []
        var isLeaving = false
    }

    private static let count = NIOLockedValueBox(0)

    let number = RestartClient.count.withLockedValue { count in
        count += 1
        return count
    }
    let identity: Identity
    private let state = NIOLockedValueBox(State())

    init(_ identity: Identity) { self.identity = identity }

    var visits: [Visit] { self.state.withLockedValue { $0.visits } }
    /// Whatever was no close 1012.
    var problems: [String] { self.state.withLockedValue { $0.problems } }

    func connect(port: Int) async throws {
        let client = try await WebSocketTestClient.connect(
            port: port,
            options: .init(headers: ["authorization": "Bearer \(self.identity.token)"])
        )
        self.state.withLockedValue { state in
            state.client = client
            state.since = .now
        }
    }

    func say(_ text: String) async {
        // A connection that has just ended takes nothing.
        try? await self.state.withLockedValue { $0.client }?.send(text)
    }

    /// Returns when the client has left.
    func stay(port: Int, while goesOn: () -> Bool) async {
        while let client = self.state.withLockedValue({ $0.client }) {
            await client.waitForEnd()
            let hasLeft = self.ended(client)
            if hasLeft || !goesOn() { return }
            do {
                try await self.connect(port: port)
            } catch {
                return self.state.withLockedValue { $0.problems.append("no way back: \(error)") }
            }
            if self.state.withLockedValue({ $0.isLeaving }) { await self.leave() }
        }
    }

    func leave() async {
        let client = self.state.withLockedValue { state in
            state.isLeaving = true
            return state.client
        }
        try? await client?.close()
    }

    private func ended(_ client: WebSocketTestClient) -> Bool {
        let (since, isLeaving) = self.state.withLockedValue { ($0.since, $0.isLeaving) }
        var visit = Visit(from: since, closeCode: isLeaving ? nil : client.closeCode, to: .now)
        var problems: [String] = []
        for message in client.takeAll() {
            guard case .plain(let type, _, let text)? = try? Seen(message) else {
                problems.append("not a plain message")
                continue
            }
            if type == "echo" { visit.echoes.insert(text) } else { visit.messages[text, default: 0] += 1 }
        }
        if !isLeaving, client.closeCode != 1012 {
            problems.append("ended with \(client.closeCode.map { "\($0)" } ?? "no close frame")")
        }
        let complete = visit
        self.state.withLockedValue { state in
            state.visits.append(complete)
            state.problems += problems
            state.client = nil
        }
        return isLeaving
    }
}
