import NIOConcurrencyHelpers
import VolaryProtocol

/// What happens to a Redis, for tests of what resumption makes of it.
extension MemorySessionStore {
    /// From now on the replica gets nothing more.
    func stallReplica() { self.state.withLockedValue { $0.replica = $0.hubs } }

    /// The replica takes the master's place: another process, with the data of ``stallReplica()``. All links are lost.
    func promoteReplica() {
        let links = self.state.withLockedValue { state in
            if let replica = state.replica { state.hubs = replica }
            state.replica = nil
            state.becomeAnotherProcess()
            return state.links.values.flatMap(\.self)
        }
        for link in links { link.lose() }
    }

    /// The process starts again, with all its data. All links are lost.
    func restart() {
        let links = self.state.withLockedValue { state in
            state.becomeAnotherProcess()
            return state.links.values.flatMap(\.self)
        }
        for link in links { link.lose() }
    }

    /// The head is deleted; everything else stays, and so does the process.
    func deleteHead(of hub: HubName) { self.state.withLockedValue { $0.hubs[hub]?.head = nil } }

    /// The process starts again, empty.
    func restartEmpty() {
        let links = self.state.withLockedValue { state in
            state.hubs = [:]
            state.becomeAnotherProcess()
            return state.links.values.flatMap(\.self)
        }
        for link in links { link.lose() }
    }

    /// The next scripts, or those after some others, are executed, and their answers do not arrive.
    func loseNextAnswers(_ count: Int = 1, after spared: Int = 0) {
        self.state.withLockedValue { ($0.lostAnswers, $0.sparedAnswers) = ($0.lostAnswers + count, spared) }
    }

    /// Nothing is executed any more, and every call fails.
    func setAway(_ isAway: Bool) { self.state.withLockedValue { $0.isAway = isAway } }

    /// Takes rules away.
    func enforce(_ rules: SessionRules) { self.state.withLockedValue { $0.rules = rules } }
}

extension MemorySessionStore.State {
    fileprivate mutating func becomeAnotherProcess() {
        self.process += 1
        for hub in self.hubs.keys { self.hubs[hub]?.process = self.process }
    }
}
