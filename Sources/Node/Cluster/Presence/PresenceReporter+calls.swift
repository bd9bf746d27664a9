import Logging
import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// What the keeper's task asks of the store, one call at a time.
extension PresenceReporter {
    func tellChanges() async throws(PresenceError) {
        switch self.state.withLockedValue({ $0.registration.next() }) {
        case .nothing:
            return
        case .register:
            try await self.register()
        case .update(let adding, let removing):
            guard try await self.store.update(self.directory.ownID, adding: adding, removing: removing) == .held else {
                return self.leaseLost()
            }
            let (news, batch, isMoreWaiting) = self.state.withLockedValue { state in
                let news = state.registration.updated(adding: adding, removing: removing)
                state.completeRegistration()
                let isMoreWaiting = state.registration.isWhole && state.registration.hasChanges
                return (news, state.registration.batchesTold, isMoreWaiting)
            }
            for id in news.joined { self.announcer.happened(.joined(id)) }
            for id in news.left { self.announcer.happened(.left(id)) }
            self.resumeWaiting(upTo: batch)
            if isMoreWaiting { await self.pause() }
        }
    }

    private func register() async throws(PresenceError) {
        let hasConnections = self.connections.count > 0
        let (record, again) = self.state.withLockedValue { state in
            // Until the store has them, lists say that this node is missing.
            state.record.registering = hasConnections
            return (state.record, state.hasRegisteredBefore)
        }
        guard let answer = try await self.register(record, again: again) else { return }
        self.announcer.lost(answer.replacedConnections)
        let connections = await self.connections.records
        self.state.withLockedValue { state in
            state.hasRegisteredBefore = true
            state.registration.registered(with: connections, toldAsLeft: answer.wasReaped)
            // They may all have gone meanwhile.
            state.completeRegistration()
        }
        self.logger.info(
            again ? "Presence registered again" : "Presence registered",
            metadata: [LogKey.connections: "\(connections.count)"]
        )
    }

    /// Takes the lease. A start takes its name from those who had it and are dead. Later, nobody is displaced: two that live would push each other
    /// out for ever.
    /// - Returns: nil when the name was given and is another's.
    private func register(_ record: NodeRecord, again: Bool) async throws(PresenceError) -> NodeRegistration? {
        if again { return try await self.store.register(record, claiming: .shared) }
        var record = record
        var dead: Set<NodeID> = []
        while true {
            let answer = try await self.store.register(record, claiming: .sole(dead: dead))
            if answer.namesakes.isEmpty { return answer }
            let living = try await self.living(of: answer.namesakes)
            dead.formUnion(answer.namesakes.subtracting(living))
            guard !living.isEmpty else { continue }
            guard !self.name.isGiven else {
                self.giveUp(record.name)
                return nil
            }
            self.name.takeNext()
            record.name = self.name.text
            self.state.withLockedValue { $0.record.name = record.name }
            self.directory.rename(to: record)
            self.logger.notice("Another node that lives is called as this one would be: it has taken another name")
        }
    }

    private func living(of nodes: Set<NodeID>) async throws(PresenceError) -> Set<NodeID> {
        let results = await withTaskGroup(of: (NodeID, Result<Bool, PresenceError>).self) { group in
            for node in nodes {
                group.addTask {
                    do throws(PresenceError) {
                        return (node, .success(try await self.isLiving(node)))
                    } catch {
                        return (node, .failure(error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var living: Set<NodeID> = []
        for (node, result) in results where try result.get() { living.insert(node) }
        return living
    }

    private func giveUp(_ name: String) {
        self.state.withLockedValue { $0.mayRegister = false }
        self.became(.down(reason: NodeNameTaken(name: name).description))
        self.nameIsTaken()
    }

    func renew() async throws(PresenceError) {
        let record = self.state.withLockedValue { $0.record }
        if try await self.store.renew(record) == .lost { self.leaseLost() }
    }

    private func leaseLost() {
        self.directory.awaitAll()
        let lease = Duration.milliseconds(self.directory.own.record.leaseMilliseconds)
        self.state.withLockedValue { state in
            state.registration.leaseLost()
            state.awaitsOthersUntil = self.clock.now.advanced(by: lease)
        }
        self.metrics.leaseLost()
        self.logger.warning("Presence lease lost: registering again with all connections")
    }

    /// Removes nodes that died.
    func reap() async throws(PresenceError) {
        for dead in try await self.store.reap() {
            self.metrics.reaped(silence: dead.silence)
            self.logger.warning(
                "Dead node removed",
                metadata: [
                    LogKey.node: "\(dead.name)", LogKey.connections: "\(dead.connections)", LogKey.silence: "\(dead.silence)",
                ]
            )
            self.announcer.lost(dead.connections)
        }
    }

    /// Sees who is there: the last step of a beat.
    func look() async throws(PresenceError) {
        self.directory.update(try await self.store.nodes())
        let (isOver, isWhole) = self.state.withLockedValue { state in
            guard let end = state.awaitsOthersUntil, self.clock.now >= end else { return (false, state.registration.isWhole) }
            state.awaitsOthersUntil = nil
            return (true, state.registration.isWhole)
        }
        if isOver { self.directory.awaitNobody() }
        // There may be changes for as long as the node lives.
        if isWhole { self.became(.up) }
    }
}
