import Logging
import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// The calls to the store, made one at a time by the reporter's task.
extension PresenceReporter {
    func storeChanges() async throws(PresenceError) {
        switch self.state.withLockedValue({ $0.registration.next() }) {
        case .nothing:
            return
        case .register:
            try await self.register()
        case .update(let adding, let removing):
            guard try await self.store.update(self.directory.ownID, adding: adding, removing: removing) == .held else {
                return self.leaseLost()
            }
            let (announcements, batch, isMoreWaiting) = self.state.withLockedValue { state in
                let announcements = state.registration.updated(adding: adding, removing: removing)
                state.completeRegistration()
                let isMoreWaiting = state.registration.isComplete && state.registration.hasChanges
                return (announcements, state.registration.batchesStored, isMoreWaiting)
            }
            for id in announcements.joined { self.announcer.record(.joined(id)) }
            for id in announcements.left { self.announcer.record(.left(id)) }
            self.resumeWaiting(upTo: batch)
            if isMoreWaiting { await self.pause() }
        }
    }

    private func register() async throws(PresenceError) {
        let hasConnections = self.connections.count > 0
        let (record, again) = self.state.withLockedValue { state in
            // Until they are stored, lists name this node as missing.
            state.record.registering = hasConnections
            return (state.record, state.hasRegisteredBefore)
        }
        guard let answer = try await self.register(record, again: again) else { return }
        self.announcer.connectionsLost(answer.replacedConnections)
        let connections = await self.connections.records
        self.state.withLockedValue { state in
            state.hasRegisteredBefore = true
            state.registration.registered(with: connections, announcedAsLeft: answer.wasReaped)
            // All of them may have closed in the meantime.
            state.completeRegistration()
        }
        self.logger.info(
            again ? "Presence registered again" : "Presence registered",
            metadata: [LogKey.connections: "\(connections.count)"]
        )
    }

    /// Takes the lease. At start, the node claims its name and replaces dead nodes that have it. Later registrations displace no
    /// node: two living nodes with one name would displace each other forever.
    /// - Returns: nil when the name was configured and another living node has it.
    private func register(_ record: NodeRecord, again: Bool) async throws(PresenceError) -> NodeRegistration? {
        if again { return try await self.store.register(record, claiming: .shared) }
        var record = record
        var dead: Set<NodeID> = []
        while true {
            let answer = try await self.store.register(record, claiming: .sole(dead: dead))
            if answer.namesakes.isEmpty { return answer }
            let alive = try await self.alive(among: answer.namesakes)
            dead.formUnion(answer.namesakes.subtracting(alive))
            guard !alive.isEmpty else { continue }
            guard !self.name.isGiven else {
                self.stopRegistering(record.name)
                return nil
            }
            self.name.takeNext()
            record.name = self.name.text
            self.state.withLockedValue { $0.record.name = record.name }
            self.directory.rename(to: record)
            self.logger.notice("Another living node has this node's default name; this node took the next free name")
        }
    }

    private func alive(among nodes: Set<NodeID>) async throws(PresenceError) -> Set<NodeID> {
        let results = await withTaskGroup(of: (NodeID, Result<Bool, PresenceError>).self) { group in
            for node in nodes {
                group.addTask {
                    do throws(PresenceError) {
                        return (node, .success(try await self.isAlive(node)))
                    } catch {
                        return (node, .failure(error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var alive: Set<NodeID> = []
        for (node, result) in results where try result.get() { alive.insert(node) }
        return alive
    }

    private func stopRegistering(_ name: String) {
        self.state.withLockedValue { $0.canRegister = false }
        self.setHealth(.down(reason: NodeNameTaken(name: name).description))
        self.nameIsTaken()
    }

    func renew() async throws(PresenceError) {
        let record = self.state.withLockedValue { $0.record }
        if try await self.store.renew(record) == .lost { self.leaseLost() }
    }

    private func leaseLost() {
        self.directory.awaitReregistration()
        let lease = Duration.milliseconds(self.directory.own.record.leaseMilliseconds)
        self.state.withLockedValue { state in
            state.registration.leaseLost()
            state.reregistrationDeadline = self.clock.now.advanced(by: lease)
        }
        self.metrics.leaseLost()
        self.logger.warning("Presence lease lost: registering again with all connections")
    }

    /// Removes dead nodes.
    func reap() async throws(PresenceError) {
        for dead in try await self.store.reap() {
            self.metrics.reaped(silence: dead.silence)
            self.logger.warning(
                "Dead node removed",
                metadata: [
                    LogKey.node: "\(dead.name)", LogKey.connections: "\(dead.connections)", LogKey.silence: "\(dead.silence)",
                ]
            )
            self.announcer.connectionsLost(dead.connections)
        }
    }

    /// Updates the directory from the store. The last call of a heartbeat.
    func refreshNodes() async throws(PresenceError) {
        self.directory.update(try await self.store.nodes())
        let (isPastDeadline, isComplete) = self.state.withLockedValue { state in
            guard let end = state.reregistrationDeadline, self.clock.now >= end else {
                return (false, state.registration.isComplete)
            }
            state.reregistrationDeadline = nil
            return (true, state.registration.isComplete)
        }
        if isPastDeadline { self.directory.endReregistrationWait() }
        // Not only when no changes are left: a busy node may always have some.
        if isComplete { self.setHealth(.up) }
    }
}
