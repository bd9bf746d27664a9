import Foundation

/// Steady traffic on every node of a cluster, all of it recorded: clients that send and receive, and reconnect when their socket
/// ends, and REST callers that push to everyone and to a group.
final class FaultTraffic: Sendable {
    private static let clientsPerNode = 2
    private static let pushesPerSecond = 6

    static let group = "crew"
    static let groupTopic = "group:crew"

    let cluster: FaultCluster
    let recorder: HistoryRecorder
    /// Messages of each client.
    private let textsPerSecond: Int
    /// The beginning of every payload, so that no two runs on one cluster have the same payloads.
    private let run = UInt32.random(in: 0 ... .max)

    init(cluster: FaultCluster, recorder: HistoryRecorder, textsPerSecond: Int) {
        self.cluster = cluster
        self.recorder = recorder
        self.textsPerSecond = textsPerSecond
    }

    /// Runs `body` under traffic; returns when the sockets have been closed.
    /// - Parameter body: gets a function that ends the sending; the clients still receive until the body returns.
    func run<Result: Sendable>(
        _ body: @Sendable (_ silence: @Sendable () async -> Void) async throws -> Result
    ) async throws -> Result {
        let talkers = TaskBag()
        let listeners = TaskBag()
        do {
            for node in self.cluster.nodes {
                for number in 1...Self.clientsPerNode {
                    let slot = "\(node.name)\(number)"
                    let first = try await self.open(slot, life: 1, on: node)
                    if number == 1 { try await self.join(slot + ".1", first, on: node) }
                    listeners.add { await self.live(slot, first, on: node, talkers: talkers) }
                }
            }
            for node in self.cluster.nodes { talkers.add { await self.push(on: node) } }
            let result = try await body { await talkers.end() }
            await talkers.end()
            await listeners.end()
            return result
        } catch {
            await talkers.end()
            await listeners.end()
            throw error
        }
    }

    // MARK: - Clients

    private func open(_ slot: String, life: Int, on node: FaultNode) async throws -> WebSocketTestClient {
        let client = try await WebSocketTestClient.connect(port: node.port, options: .init(headers: node.headers))
        self.recorder.opened("\(slot).\(life)", on: node.name)
        return client
    }

    private func live(_ slot: String, _ first: WebSocketTestClient, on node: FaultNode, talkers: TaskBag) async {
        var client: WebSocketTestClient? = first
        var life = 1
        while !Task.isCancelled {
            if let client {
                let name = "\(slot).\(life)"
                talkers.add { await self.talk(name, client, on: node) }
                await self.listen(name, client)
            }
            if Task.isCancelled { break }
            try? await Task.sleep(for: .milliseconds(100))
            life += 1
            client = try? await self.open(slot, life: life, on: node)
        }
        await client?.disconnect()
    }

    private func talk(_ name: String, _ client: WebSocketTestClient, on node: FaultNode) async {
        var number = 0
        while !Task.isCancelled, !client.isEnded {
            number += 1
            let payload = "\(self.run)/\(name)/\(number)"
            self.recorder.published(payload, topic: "all", by: name, on: node.name)
            try? await client.send(payload)
            try? await Task.sleep(for: .seconds(1) / self.textsPerSecond)
        }
    }

    private func listen(_ name: String, _ client: WebSocketTestClient) async {
        while !Task.isCancelled {
            do {
                // A short timeout, so that the end of the run is noticed.
                if case .text(let text) = try await client.next(within: .milliseconds(500)) { self.received(text, by: name) }
            } catch WebSocketTestClient.Failure.timeout {
                continue
            } catch {
                let at = self.recorder.now
                self.recorder.change(name) { $0.closed = at }
                return
            }
        }
    }

    private struct Message: Decodable {
        let type: String
        let from: String?
        let message: String
    }

    /// - Returns: whether it was an echo.
    @discardableResult
    private func received(_ text: String, by name: String) -> Bool {
        guard let message = try? JSONDecoder().decode(Message.self, from: Data(text.utf8)) else {
            self.recorder.got(text, by: name)
            return false
        }
        switch message.type {
        case "echo":
            self.recorder.answered(message.message, .accepted)
            self.recorder.change(name) { $0.shortID = message.from }
        case "system" where message.message.contains("not delivered"): self.recorder.notified(.refused, to: name)
        case "system" where message.message.contains("lost"): self.recorder.notified(.missed, to: name)
        case "system": break
        case "message" where message.message == Crowd.word: break
        default: self.recorder.got(message.message, by: name)
        }
        return message.type == "echo"
    }

    // MARK: - REST

    /// Adds a connection to the group, whose messages it gets from now on.
    private func join(_ name: String, _ client: WebSocketTestClient, on node: FaultNode) async throws {
        let hello = "\(self.run)/\(name)/hello"
        self.recorder.published(hello, topic: "all", by: name, on: node.name)
        try await client.send(hello)
        var isKnown = false
        while !isKnown {
            if case .text(let text) = try await client.next() { isKnown = self.received(text, by: name) }
        }
        guard let short = self.recorder.history.connections.first(where: { $0.name == name })?.shortID else { return }
        let joined = await eventually {
            guard let id = await node.inventory()?.ids.first(where: { $0.hasPrefix(short) }) else { return false }
            return (try? await node.request("PUT", "/api/groups/\(Self.group)/connections/\(id)"))?.status == 204
        }
        guard joined else { throw FaultError("\(name) cannot be put into a group") }
        self.recorder.change(name) { $0.topics.insert(Self.groupTopic) }
    }

    private func push(on node: FaultNode) async {
        var number = 0
        while !Task.isCancelled {
            number += 1
            let start = ContinuousClock.now
            _ = await self.push(number, toGroup: number % 3 == 0, by: "rest", on: node)
            try? await Task.sleep(until: start + .seconds(1) / Self.pushesPerSecond)
        }
    }

    private struct Receipt: Decodable {
        struct Node: Decodable {
            let node: String
            let recipients: Int
        }

        let nodes: [Node]
        let missing: [String]
        let degraded: Bool
    }

    /// One recorded push.
    /// - Returns: the names of the nodes that confirmed it, when the answer is 200 and none is missing.
    @discardableResult
    func push(
        _ number: Int,
        toGroup: Bool = false,
        by caller: String,
        on node: FaultNode,
        timeout: String = "1s"
    ) async -> Set<String>? {
        let payload = "\(self.run)/\(caller)-\(node.name)/\(number)"
        let target = toGroup ? "/api/groups/\(Self.group)/send" : "/api/connections/broadcast"
        self.recorder.published(payload, topic: toGroup ? Self.groupTopic : "all", by: "\(caller)-\(node.name)", on: node.name)
        guard
            let response = try? await node.request("POST", "\(target)?timeout=\(timeout)", body: #"{"message":"\#(payload)"}"#)
        else { return nil }
        let receipt: Receipt? = try? response.decode()
        switch (response.status, receipt) {
        case (200, let receipt?) where !receipt.degraded:
            let nodes = Dictionary(receipt.nodes.map { ($0.node, $0.recipients) }, uniquingKeysWith: max)
            self.recorder.answered(payload, .relayed(nodes, missing: receipt.missing))
            return receipt.missing.isEmpty ? Set(nodes.keys) : nil
        case (202, let receipt?) where receipt.degraded: self.recorder.answered(payload, .accepted)
        case (503, _): self.recorder.answered(payload, .refused)
        default: self.recorder.answered(payload, .unexpected("\(response.status) \(response.body)"))
        }
        return nil
    }
}
