import Logging
import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// Writes this node and its connections to the presence store: registers, renews the lease, and stores changes. For one task:
/// one call at a time.
final class PresenceWriter: Sendable {
    enum Outcome {
        case held
        /// The store has no lease of this node.
        case lost
        /// The node must stop.
        case refused(StartRefusal)
    }

    private let store: any PresenceStore
    private let node: NodeID
    private let claim: NodeNameClaim
    private let state: NIOLockedValueBox<PresenceState>
    private let connections: ConnectionManager
    private let announcer: Announcer
    private let logger: Logger
    private let pause: @Sendable () async -> Void
    private let hasRegisteredBefore = NIOLockedValueBox(false)

    /// - Parameters:
    ///   - state: shared with the reporter.
    ///   - connections: this node's.
    ///   - announcer: is told of the joins and leaves that the store has.
    ///   - pause: called between two updates when changes are already waiting, so that many changes share one update.
    init(
        _ state: NIOLockedValueBox<PresenceState>,
        claim: NodeNameClaim,
        connections: ConnectionManager,
        announcer: Announcer,
        logger: Logger,
        pause: @escaping @Sendable () async -> Void
    ) {
        self.store = claim.store
        self.node = claim.directory.ownID
        self.claim = claim
        self.state = state
        self.connections = connections
        self.announcer = announcer
        self.logger = logger
        self.pause = pause
    }

    func storeChanges() async throws(PresenceError) -> Outcome {
        switch self.state.withLockedValue({ $0.registration.next() }) {
        case .nothing: return .held
        case .register:
            do throws(PresenceError) {
                return try await self.register()
            } catch {
                switch error {
                case .formerFormat(let nodes): return .refused(.formerFormat(nodes: nodes))
                case .foreignFormats(let nodes): return .refused(.foreignFormats(nodes: nodes))
                case .unavailable, .refused: throw error
                }
            }
        case .update(let hub, let adding, let removing):
            guard try await self.store.update(self.node, in: hub, adding: adding, removing: removing) == .held else {
                return .lost
            }
            let (announcements, batch, isMoreWaiting) = self.state.withLockedValue { state in
                let announcements = state.registration.updated(adding: adding, removing: removing)
                state.completeRegistration()
                let isMoreWaiting = state.registration.isComplete && state.registration.hasChanges
                return (announcements, state.registration.batchesStored, isMoreWaiting)
            }
            for id in announcements.joined { self.announcer.record(.joined(id), in: hub) }
            for id in announcements.left { self.announcer.record(.left(id), in: hub) }
            self.state.resumeWaiting(upTo: batch)
            if isMoreWaiting { await self.pause() }
            return .held
        }
    }

    private func register() async throws(PresenceError) -> Outcome {
        let hasConnections = self.connections.count > 0
        let again = self.hasRegisteredBefore.withLockedValue { $0 }
        var record = self.state.withLockedValue { state in
            // Until they are stored, lists name this node as missing.
            state.record.registering = hasConnections
            return state.record
        }
        let answer: NodeRegistration
        if again {
            // Later registrations displace no node: two living nodes with one name would displace each other forever.
            answer = try await self.store.register(record, claiming: .shared)
        } else {
            switch try await self.claim.register(&record) {
            case .registered(let registration): answer = registration
            case .taken: return .refused(.nameTaken(record.name))
            }
        }
        self.announcer.connectionsLost(answer.replacedConnections)
        let connections = await self.connections.records
        self.hasRegisteredBefore.withLockedValue { $0 = true }
        let name = record.name
        self.state.withLockedValue { state in
            state.record.name = name
            state.registration.registered(with: connections, announcedAsLeft: answer.wasReaped)
            // All of them may have closed in the meantime.
            state.completeRegistration()
        }
        self.logger.info(
            again ? "Presence registered again" : "Presence registered",
            metadata: [LogKey.connections: "\(connections.count)"]
        )
        return .held
    }

    func renew() async throws(PresenceError) -> Outcome {
        let record = self.state.withLockedValue { $0.record }
        return try await self.store.renew(record) == .held ? .held : .lost
    }

    /// Removes this node and its connections.
    func unregister() async {
        do {
            try await self.store.unregister(self.node)
        } catch {
            self.logger.warning("Presence not removed; it expires with the lease", metadata: [LogKey.error: "\(error)"])
        }
    }
}
