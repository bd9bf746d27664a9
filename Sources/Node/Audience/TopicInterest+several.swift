import Protocol

/// All topics of one connection at once.
extension TopicInterest {
    /// How long a handshake is held up for its topics: 250 ms. That is many round trips to Redis; without Redis clients connect all the same.
    static var reservationTime: Duration { .milliseconds(250) }

    /// Counts one member of each topic in, and waits until all are live, or ``reservationTime`` is over.
    nonisolated func reserve(_ topics: [Topic]) async -> TopicReservation {
        let areLive = await withTaskGroup(of: Bool.self) { tasks in
            tasks.addTask { await self.retain(topics) }
            tasks.addTask {
                try? await self.clock.sleep(for: Self.reservationTime)
                return false
            }
            defer { tasks.cancelAll() }
            return await tasks.next() ?? false
        }
        if !areLive { self.release(topics) }
        return TopicReservation(topics, isHeld: areLive) { self.release($0) }
    }

    /// - Returns: whether all of them are live now. Each is counted, whatever became of it.
    nonisolated func retain(_ topics: [Topic]) async -> Bool {
        await withTaskGroup(of: Bool.self) { tasks in
            for topic in topics {
                tasks.addTask { (try? await self.retain(topic)) != nil }
            }
            return await tasks.reduce(true) { $0 && $1 }
        }
    }

    /// Counts one member of each topic out.
    nonisolated func release(_ topics: [Topic]) {
        guard !topics.isEmpty else { return }
        Task { for topic in topics { await self.release(topic) } }
    }
}
