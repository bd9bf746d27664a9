import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Several nodes in one process.
@Suite
struct InProcessClusterTests {
    private func hello(_ client: TestClient, _ text: String) { client.write(ClientFrame.text(text)) }

    // MARK: - Messages

    @Test func `A message from a client on one node reaches every client on every node, once, and its sender as an echo too`()
        async throws
    {
        try await APITestNode.with(3) { nodes in
            let clients = try await [nodes[0].open(), nodes[1].open(), nodes[2].open(), nodes[0].open()]
            _ = try await nodes[0].listed(4)
            self.hello(clients[0], "Hello!")
            for client in clients { #expect(await eventually { client.messages() == ["Hello!"] }) }
            #expect(clients[0].messages("echo") == ["Hello!"])
            #expect(clients.dropFirst().allSatisfy { $0.messages("echo").isEmpty })
        }
    }

    @Test func `All clients of all nodes see all messages in one order`() async throws {
        try await APITestNode.with(3) { nodes in
            var clients: [TestClient] = []
            for node in nodes { for _ in 0..<3 { clients.append(try await node.open()) } }
            _ = try await nodes[0].listed(9)
            for number in 0..<40 {
                for (index, client) in clients.enumerated() { self.hello(client, "\(index):\(number)") }
            }
            for client in clients { #expect(await eventually { client.messages().count == 360 }) }
            let order = clients[0].messages()
            #expect(Set(order).count == 360)
            for client in clients { #expect(client.messages() == order) }
            // One sender's messages keep their order.
            for index in clients.indices {
                #expect(order.filter { $0.hasPrefix("\(index):") } == (0..<40).map { "\(index):\($0)" })
            }
        }
    }

    @Test func `Binary comes as the same bytes, one copy to each, the sender too`() async throws {
        try await APITestNode.with(2) { nodes in
            let clients = try await [nodes[0].open(), nodes[1].open()]
            _ = try await nodes[0].listed(2)
            clients[0].write(ClientFrame.binary([0, 1, 255]))
            self.hello(clients[0], "after")
            for client in clients {
                #expect(await eventually { client.messages() == ["after"] })
                #expect(client.frames.filter { $0 == .binary([0, 1, 255]) }.count == 1)
            }
        }
    }

    @Test func `Echo is for its sender alone, as it came`() async throws {
        try await APITestNode.with(2) { nodes in
            let echo = try await nodes[0].open("/echo")
            let member = try await nodes[0].open()
            let large = String(repeating: "é", count: 300_000)
            echo.write(
                ClientFrame.text("a", isFinal: false) + ClientFrame.continuation("b") + ClientFrame.binary([1, 2])
                    + ClientFrame.text(large)
            )
            #expect(await eventually { echo.frames == [.text("ab"), .binary([1, 2]), .text(large)] })
            #expect(member.frames.isEmpty)
            #expect(try await nodes[1].listed(1).count == 1, "echo connections are not listed")
        }
    }

    // MARK: - REST from any node

    @Test func `Receipts add up over loops and nodes`() async throws {
        try await APITestNode.with(3) { nodes in
            var clients: [TestClient] = []
            for (node, count) in zip(nodes, [3, 0, 2]) { for _ in 0..<count { clients.append(try await node.open()) } }
            _ = try await nodes[1].listed(5)
            let answer = try await nodes[1].http.request("POST", "/api/connections/broadcast", body: #"{"message": "to all"}"#)
            #expect(answer.status == 200)
            #expect(answer.json["recipients"] as? Int == 5)
            #expect(answer.json["degraded"] as? Bool == false)
            let parts = (answer.json["nodes"] as? [[String: Any]] ?? []).map { "\($0["node"] ?? "")=\($0["recipients"] ?? "")" }
            #expect(parts == ["node-1=3", "node-2=0", "node-3=2"])
            for client in clients { #expect(await eventually { client.messages("server-broadcast") == ["to all"] }) }
        }
    }

    @Test func `One connection is reached, and closed, from any node`() async throws {
        try await APITestNode.with(3) { nodes in
            let first = try await nodes[0].open()
            let id = try #require(try await nodes[2].listed(1).first)
            let other = try await nodes[1].open()
            _ = try await nodes[2].listed(2)
            let sent = try await nodes[2].http.request("POST", "/api/connections/\(id)/send", body: #"{"message": "you"}"#)
            #expect(sent.status == 200)
            #expect(sent.json["recipients"] as? Int == 1)
            #expect(await eventually { first.messages("server-broadcast") == ["you"] })
            #expect(other.frames.isEmpty)
            let deleted = try await nodes[1].http.request("DELETE", "/api/connections/\(id)?code=4001&reason=bye")
            #expect(deleted.status == 204)
            #expect(await eventually { first.frames.last == .close(4001, "bye") })
            #expect(try await nodes[1].listed(1).count == 1)
            let gone = try await nodes[1].http.request("POST", "/api/connections/\(id)/send", body: #"{"message": "you"}"#)
            #expect(gone.status == 404)
            #expect(other.frames.isEmpty)
        }
    }

    @Test func `Joins and leaves are announced to clients on every node`() async throws {
        try await APITestNode.with(2, [.announcementsPerSecond: "100"]) { nodes in
            let watcher = try await nodes[0].open()
            let id = try #require(try await nodes[0].listed(1).first)
            #expect(await eventually { watcher.messages("system") == ["Client \(id.prefix(8)) joined."] })
            let guest = try await nodes[1].open()
            let guestID = try #require(try await nodes[0].listed(2).first { $0 != id })
            await guest.close()
            #expect(
                await eventually {
                    watcher.messages("system").dropFirst() == [
                        "Client \(guestID.prefix(8)) joined.", "Client \(guestID.prefix(8)) left.",
                    ]
                }
            )
        }
    }

    @Test func `While the presence store fails, a node is not ready, and lists what it holds itself`() async throws {
        let stores = Stores()
        try await APITestNode.with(2, [.lease: "1s"], makeStore: stores.make) { nodes in
            _ = try await nodes[0].open()
            let other = try await nodes[1].open()
            _ = try await nodes[0].listed(2)
            stores.all[0].fail(true)
            #expect(try await eventually { try await nodes[0].http.request("GET", "/readyz").status == 503 })
            let answer = try await nodes[0].http.request("GET", "/api/connections")
            #expect(answer.status == 200)
            #expect(answer.json["complete"] as? Bool == false)
            #expect(answer.json["missing"] as? [String] == ["node-2"])
            #expect(answer.json["count"] as? Int == 1)
            // Messages flow all the same.
            self.hello(other, "still here")
            #expect(await eventually { other.messages() == ["still here"] })
            stores.all[0].fail(false)
            #expect(try await eventually { try await nodes[0].http.request("GET", "/readyz").status == 200 })
            #expect(try await nodes[1].listed(2).count == 2)
        }
    }

    // MARK: - Stopping

    @Test func `A node that stops closes its clients with 1012, leaves the inventory, and the others go on`() async throws {
        try await APITestNode.with(2) { nodes in
            let leaving = try await [nodes[0].open(), nodes[0].open("/echo")]
            let staying = try await nodes[1].open()
            _ = try await nodes[1].listed(2)
            try await nodes[0].stop()
            for client in leaving {
                #expect(client.frames == [.close(1012, "the node is going away")])
                #expect(await eventually { client.isClosed })
            }
            #expect(try await nodes[1].listed(1).count == 1)
            let answer = try await nodes[1].http.request("GET", "/api/nodes")
            #expect((answer.json["nodes"] as? [Any])?.count == 1)
            self.hello(staying, "alone")
            #expect(await eventually { staying.messages() == ["alone"] })
            #expect(!staying.isClosed)
        }
    }

    @Test func `A client that never answers does not hold a node beyond its drain time`() async throws {
        try await APITestNode.with(1, [.drainTimeout: "500ms", .closeTimeout: "60s"]) { nodes in
            let client = try await nodes[0].open(answersClose: false)
            let clock = ContinuousClock()
            let start = clock.now
            try await nodes[0].stop()
            #expect(client.frames == [.close(1012, "the node is going away")])
            // Its close may take a minute.
            #expect(clock.now - start < .seconds(20), "Drain says that it cuts these connections")
            #expect(await eventually { client.isClosed })
        }
    }

    @Test func `A socket that has said nothing does not hold a node`() async throws {
        try await APITestNode.with(1, [.drainTimeout: "60s", .handshakeTimeout: "60s"]) { nodes in
            let silent = try await TestClient.connect(port: nodes[0].port, isWebSocket: false)
            let idle = try await nodes[0].open()
            let clock = ContinuousClock()
            let start = clock.now
            try await nodes[0].stop()
            #expect(clock.now - start < .seconds(20))
            #expect(await eventually { silent.isClosed && idle.isClosed })
        }
    }

    @Test func `While it drains, a node is alive but not ready, and refuses WebSockets`() async throws {
        try await APITestNode.with(1, [.drainDelay: "5s", .drainTimeout: "2s", .closeTimeout: "1s"]) { nodes in
            let silent = try await nodes[0].open(answersClose: false)
            await nodes[0].beginStop()
            #expect(try await eventually { try await nodes[0].http.request("GET", "/readyz").status == 503 })
            #expect(try await nodes[0].http.request("GET", "/livez").status == 200)
            let late = try await nodes[0].open()
            #expect(await eventually { silent.frames == [.close(1012, "the node is going away")] })
            #expect(await eventually { late.isClosed })
            await #expect(throws: (any Error).self) { try await nodes[0].open() }
        }
    }
}

/// The stores of the nodes, in the order in which they started.
private final class Stores: Sendable {
    private let made = NIOLockedValueBox<[FlakyStore]>([])

    var all: [FlakyStore] { self.made.withLockedValue { $0 } }

    @Sendable func make(_ shared: MemoryPresence) -> any PresenceStore {
        let store = FlakyStore(shared: shared)
        self.made.withLockedValue { $0.append(store) }
        return store
    }
}
