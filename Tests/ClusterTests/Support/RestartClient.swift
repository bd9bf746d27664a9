import NIOConcurrencyHelpers
import TestSupport

/// A client that reconnects whenever it is closed, and records the messages of each connection.
final class RestartClient: Sendable {
    /// One connection, from the answer of the handshake to its end.
    struct Visit: Sendable {
        let from: ContinuousClock.Instant
        /// Nil if the client closed it.
        var closeCode: Int?
        var to: ContinuousClock.Instant
        /// How often each text was received.
        var messages: [String: Int] = [:]
        var echoes: Set<String> = []

        /// A client that is being closed may miss messages, and learns of the close later than the node.
        private static let margin = Duration.seconds(2)

        /// Whether the client was connected all the time and did not get the push.
        func misses(_ broadcast: BroadcastCaller.Broadcast) -> Bool {
            self.from < broadcast.from && broadcast.to.advanced(by: Self.margin) < self.to && self.messages[broadcast.text] == nil
        }

        var hasDuplicates: Bool { self.messages.values.contains { $0 > 1 } }
    }

    /// The identity of a client.
    struct Identity: Sendable {
        let user: String
        let groups: [String]
        let token: String

        /// Whether a push to this audience is for this client.
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
    /// All closes with a code other than 1012, and other errors.
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
        // A connection that has just ended accepts nothing.
        try? await self.state.withLockedValue { $0.client }?.send(text)
    }

    /// Returns when the client has left.
    func stay(port: Int, while isRunning: () -> Bool) async {
        while let client = self.state.withLockedValue({ $0.client }) {
            await client.waitForEnd()
            let hasLeft = self.ended(client)
            if hasLeft || !isRunning() { return }
            do {
                try await self.connect(port: port)
            } catch {
                return self.state.withLockedValue { $0.problems.append("could not reconnect: \(error)") }
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
