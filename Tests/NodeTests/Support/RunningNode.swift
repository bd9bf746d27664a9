import Logging
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle
import TestSupport
import VolaryProtocol

@testable import VolaryNode

/// A complete node in this process that listens on its own port.
final class RunningNode: Sendable {
    struct DoesNotListen: Error {}

    let server: NodeServer
    let port: Int
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    private init(server: NodeServer, port: Int, group: ServiceGroup, task: Task<Void, any Error>) {
        self.server = server
        self.port = port
        self.group = group
        self.task = task
    }

    /// Starts a node. Returns when it listens.
    /// - Parameters:
    ///   - options: options in addition to two event loops and no announcements.
    ///   - subprotocols: additional client protocols of `/ws`.
    ///   - hubs: with methods for their clients.
    ///   - makeLinks: the links to other nodes; nil for a cluster of one node.
    static func start(
        _ options: [ConfigurationOption: String],
        logger: Logger = .quiet,
        subprotocols: [(name: String, base: any ClientProtocol)] = [],
        hubs: [ServedHub] = [],
        makeLinks: ((NodeID, any EventLoop) throws -> NodeServer.ClusterServices)? = nil
    ) async throws -> RunningNode {
        var flags: [ConfigurationOption: String] = [.threads: "2", .announcementsPerSecond: "off"]
        flags.merge(options) { $1 }
        flags[.port] = "0"
        let port = NIOLockedValueBox<Int?>(nil)
        let server = try NodeServer(
            configuration: try ConfigurationLoader(flags: flags, environment: [:], file: nil).load(),
            logger: logger,
            subprotocols: subprotocols,
            hubs: hubs,
            moreEndpoints: { [.hubs($0)] },
            makeLinks: makeLinks,
            onListening: { listening in port.withLockedValue { $0 = listening } }
        )
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [server], logger: .quiet))
        let task = Task { try await group.run() }
        guard await eventually({ port.withLockedValue { $0 } != nil }), let port = port.withLockedValue({ $0 }) else {
            await group.triggerGracefulShutdown()
            try await task.value
            throw DoesNotListen()
        }
        return RunningNode(server: server, port: port, group: group, task: task)
    }

    func beginStop() async { await self.group.triggerGracefulShutdown() }

    /// Begins the graceful shutdown and waits for its end. May be called repeatedly.
    func stop() async throws {
        await self.beginStop()
        try await self.task.value
    }
}
