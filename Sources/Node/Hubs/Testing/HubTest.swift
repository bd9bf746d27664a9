import Logging
import NIOCore
import ServiceLifecycle
import VolaryBackplane
public import VolaryHubs
import VolaryNode
import VolaryProtocol

/// A cluster of nodes with hubs in the process of a test: without a network, without Redis.
///
///     let cluster = try await HubTest(nodes: 2) { $0.add("chat", Chat(rooms: Rooms())) }
///     let ann = try await cluster.connect(to: "chat", on: 0, user: "ann")
///     let bob = try await cluster.connect(to: "chat", on: 1, user: "bob")
///     #expect(try await ann.invoke("whisper", "hi", "bob", as: Bool.self))
///     #expect(try await bob.next("message", as: String.self, String.self) == ("ann", "hi"))
///     try await cluster.stop()
public final class HubTest: Sendable {
    private struct Node: Sendable {
        let server: NodeServer
        let group: ServiceGroup
        let task: Task<Void, any Error>
    }

    /// What a test did that cannot be.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    private let nodes: [Node]

    /// Starts the nodes.
    /// - Parameter configure: called for each node, with what adds hubs to it.
    public init(nodes count: Int = 1, _ configure: (HubNode) -> Void) async throws {
        let (bus, presence) = (MemoryBus(), MemoryPresence())
        var nodes: [Node] = []
        for _ in 0..<count {
            let hubs = HubNode()
            configure(hubs)
            let flags: [ConfigurationOption: String] = [.port: "0", .threads: "1", .announcementsPerSecond: "off"]
            let server = try NodeServer(
                inMemory: try ConfigurationLoader(flags: flags, environment: [:], file: nil).load(),
                logger: Logger(label: "hub-test") { _ in SwiftLogNoOpLogHandler() },
                hubs: hubs.hubs
            ) { node, eventLoop in
                NodeServer.ClusterServices(
                    broker: MemoryBroker(bus: bus, node: node, eventLoop: eventLoop),
                    store: MemoryPresenceStore(shared: presence)
                )
            }
            let group = ServiceGroup(
                services: [server],
                logger: Logger(label: "hub-test") { _ in SwiftLogNoOpLogHandler() }
            )
            nodes.append(Node(server: server, group: group, task: Task { try await group.run() }))
        }
        self.nodes = nodes
        for node in nodes {
            while !node.server.isReady { try await Task.sleep(for: .milliseconds(1)) }
        }
    }

    /// Connects a client.
    /// - Parameters:
    ///   - node: index of the node.
    ///   - claims: a JSON object, as in a token.
    public func connect(
        to hub: String,
        on node: Int = 0,
        user: String? = nil,
        claims: String? = nil
    ) async throws -> HubTestClient {
        guard let hub = HubName(hub) else { throw Failure(description: "the name of a hub \(HubName.rule)") }
        let inbox = HubTestInbox()
        let client = try await self.nodes[node].server.connect(
            to: hub,
            user: user.flatMap { AudienceName($0) },
            claims: claims
        ) { inbox.received($0) }
        return HubTestClient(client, inbox)
    }

    /// Stops all nodes. Each test must call this.
    public func stop() async throws {
        for node in self.nodes { await node.group.triggerGracefulShutdown() }
        for node in self.nodes { try await node.task.value }
    }
}
