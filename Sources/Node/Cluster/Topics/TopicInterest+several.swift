import VolaryProtocol

/// All topics of one connection at once.
extension TopicInterest {
    /// Counts one member of each topic in, and waits until all are live, or the caller is cancelled.
    nonisolated func reserve(_ topics: [Topic]) async -> TopicReservation {
        let areLive = await self.retain(topics)
        if !areLive { self.release(topics) }
        return TopicReservation(topics, isHeld: areLive) { self.release($0) }
    }

    /// - Returns: whether all of them are live now. Each is counted, whatever became of it.
    nonisolated func retain(_ topics: [Topic]) async -> Bool {
        // Mostly it is a user without groups.
        if topics.count == 1 { return (try? await self.retain(topics[0])) != nil }
        return await withTaskGroup(of: Bool.self) { tasks in
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
