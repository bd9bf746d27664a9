import VolaryProtocol

/// Calls for all topics of one connection.
extension TopicInterest {
    /// Adds one member to each topic, and waits until all subscriptions are confirmed or the caller is canceled.
    nonisolated func reserve(_ topics: [Topic]) async -> TopicReservation {
        let areLive = await self.retain(topics)
        if !areLive { self.release(topics) }
        return TopicReservation(topics, isHeld: areLive) { self.release($0) }
    }

    /// - Returns: whether all subscriptions are confirmed. A member is added to each topic in either case.
    nonisolated func retain(_ topics: [Topic]) async -> Bool {
        // The common case: a user without groups.
        if topics.count == 1 { return (try? await self.retain(topics[0])) != nil }
        return await withTaskGroup(of: Bool.self) { tasks in
            for topic in topics {
                tasks.addTask { (try? await self.retain(topic)) != nil }
            }
            return await tasks.reduce(true) { $0 && $1 }
        }
    }

    /// Removes one member from each topic.
    nonisolated func release(_ topics: [Topic]) {
        guard !topics.isEmpty else { return }
        Task { for topic in topics { await self.release(topic) } }
    }
}
