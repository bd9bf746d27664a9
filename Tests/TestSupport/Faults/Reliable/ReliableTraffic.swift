import Foundation
import NIOConcurrencyHelpers

/// Reliable clients in a hub of their own, two for each node, and REST callers that push to it. A client whose transport ends goes on at
/// another node.
final class ReliableTraffic: Sendable {
    static let hub = "faults"
    private static let users = ["ann", "bob"]
    private static let pushesPerSecond = 6
    private static let pause = Duration.milliseconds(200)

    let cluster: FaultCluster
    let recorder: ReliableRecorder
    private let habits: Habits
    private let textsPerSecond: Int
    private let run = UInt32.random(in: 0 ... .max)
    private let isSilent = NIOLockedValueBox(false)

    /// What clients do beyond the usual.
    struct Habits: OptionSet, Sendable {
        let rawValue: Int

        /// They resume at two nodes at once.
        static let racing = Habits(rawValue: 1)
        /// They ask the event handler, too.
        static let asking = Habits(rawValue: 2)
        /// They send five messages at a time, as many in a second as the others: owners that are killed one after the other store no
        /// acknowledgments for seconds, and a connection with 1,000 unacknowledged messages ends.
        static let hasty = Habits(rawValue: 4)
    }

    init(cluster: FaultCluster, recorder: ReliableRecorder, habits: Habits, textsPerSecond: Int) {
        self.habits = habits
        self.cluster = cluster
        self.recorder = recorder
        self.textsPerSecond = textsPerSecond
    }

    /// The public name of the cluster.
    static let host = "faults.test"

    /// One path with a token for each user.
    /// - Parameter keys: the file that the access key is written to.
    static func makePaths(keys: String) async throws -> [String] {
        try String(repeating: "access-key", count: 4).write(toFile: keys, atomically: true, encoding: .utf8)
        var paths: [String] = []
        for user in Self.users {
            let made = try await VolaryProcess.run(
                ["token", "--access-keys", keys, "--hub", Self.hub, "--user", user, "--group", ReliableClient.group]
                    + ["--role", "webpubsub.sendToGroup", "--endpoint", "http://\(Self.host)", "--expires-in", "240h"]
            )
            let url = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            guard made.status == 0, let path = url.firstRange(of: "/client/") else {
                throw FaultError("no token: \(made.errors)")
            }
            paths.append(String(url[path.lowerBound...]))
        }
        return paths
    }

    /// As ``FaultTraffic/run(_:)``.
    func run<Result: Sendable>(
        _ body: @Sendable (_ silence: @Sendable () async -> Void) async throws -> Result
    ) async throws -> Result {
        let callers = TaskBag()
        let listeners = TaskBag()
        let clients = self.cluster.nodes.flatMap { node in
            zip(Self.users, self.cluster.clientPaths).map { user, path in
                ReliableClient(
                    "\(user)-\(node.name)",
                    path: path,
                    topics: ["all", "group:\(ReliableClient.group)", "user:\(user)"],
                    recorder: self.recorder
                )
            }
        }
        for client in clients { listeners.add { await self.live(client) } }
        for node in self.cluster.nodes { callers.add { await self.push(on: node) } }
        let isOpen = await eventually { self.recorder.history.lives.count == clients.count }
        do {
            guard isOpen else { throw FaultError("reliable clients cannot connect") }
            let result = try await body {
                self.isSilent.withLockedValue { $0 = true }
                await callers.end()
            }
            await self.settle(clients)
            await listeners.end()
            return result
        } catch {
            await callers.end()
            await listeners.end()
            throw error
        }
    }

    private func live(_ client: ReliableClient) async {
        var former: WebSocketTestClient?
        while !Task.isCancelled {
            let isNew = client.id.isEmpty
            guard let transport = await self.connect(client) else {
                try? await Task.sleep(for: Self.pause)
                continue
            }
            await client.repeatUnanswered(on: transport)
            let talker = Task { await self.talk(client, transport) }
            let end = await client.listen(transport, former: isNew ? nil : former)
            // Before the next transport, on which everything unanswered is sent again in its order.
            talker.cancel()
            await talker.value
            await former?.disconnect()
            former = end == .silent ? transport : nil
            if end != .silent { await transport.disconnect() }
        }
        await former?.disconnect()
    }

    private func connect(_ client: ReliableClient) async -> WebSocketTestClient? {
        let ports = self.cluster.nodes.shuffled().map(\.clients.port)
        guard self.habits.contains(.racing), !client.id.isEmpty else { return await client.connect(port: ports[0]) }
        async let first = client.connect(port: ports[0])
        async let second = client.connect(port: ports[1])
        guard let one = await first, let other = await second else {
            if let alone = await first { return alone } else { return await second }
        }
        // One of them has been fenced. What it got before counts.
        let isFenced = await eventually(within: .seconds(10)) { one.isEnded || other.isEnded }
        if !isFenced { self.recorder.change(life: client.life) { $0.defects.append("two transports at once") } }
        let (ended, left) = one.isEnded ? (one, other) : (other, one)
        if ended.closeCode != 1008 { await client.drain(ended) }
        return left
    }

    private func talk(_ client: ReliableClient, _ transport: WebSocketTestClient) async {
        while !Task.isCancelled, !transport.isEnded, !self.isSilent.withLockedValue({ $0 }) {
            let payload = "\(self.run)/\(client.life)/\(UInt32.random(in: 0 ... .max))"
            let count = self.habits.contains(.hasty) ? 5 : 1
            for number in 0..<count {
                await client.publish("\(payload)/\(number)", on: transport)
            }
            if self.habits.contains(.asking) { await client.ask("\(payload)/?", on: transport) }
            try? await Task.sleep(for: .seconds(count) / self.textsPerSecond)
        }
    }

    /// Waits until every client has all answers and all messages, for at most 15 s. What was answered just before the clients end
    /// would count as lost for those that had no time to receive it.
    private func settle(_ clients: [ReliableClient]) async {
        let recorder = self.recorder
        _ = await eventually(within: .seconds(15)) {
            try? await Task.sleep(for: .milliseconds(200))
            return clients.allSatisfy(\.isAnswered) && ReliableChecker.check(recorder.history).lost == 0
        }
    }

    // MARK: - REST

    private func push(on node: FaultNode) async {
        var number = 0
        while !Task.isCancelled {
            number += 1
            let start = ContinuousClock.now
            await self.push(number, on: node)
            try? await Task.sleep(until: start + .seconds(1) / Self.pushesPerSecond)
        }
    }

    private struct Receipt: Decodable {
        let degraded: Bool
    }

    private func push(_ number: Int, on node: FaultNode) async {
        let payload = "\(self.run)/rest-\(node.name)/\(number)"
        let (topic, target) =
            switch number % 4 {
            case 0: ("all", "connections/broadcast")
            case 1: ("user:ann", "users/ann/send")
            case 2: ("user:bob", "users/bob/send")
            default: ("group:\(ReliableClient.group)", "groups/\(ReliableClient.group)/send")
            }
        self.recorder.published(payload, topic: topic, by: "rest-\(node.name)", on: node.name)
        let path = "/api/\(target)?hub=\(Self.hub)&timeout=1s"
        guard let response = try? await node.request("POST", path, body: #"{"message":"\#(payload)"}"#) else { return }
        let receipt: Receipt? = try? response.decode()
        switch (response.status, receipt?.degraded) {
        case (200, false): self.recorder.answered(payload, .accepted)
        case (202, true): self.recorder.answered(payload, .queued)
        case (503, _): self.recorder.answered(payload, .refused)
        default: self.recorder.answered(payload, .unexpected("\(response.status) \(response.body)"))
        }
    }
}
