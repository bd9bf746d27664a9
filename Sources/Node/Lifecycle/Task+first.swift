extension Task where Success == Never, Failure == Never {
    /// Runs both, and cancels the one that is not done when the other is. Returns when both have ended.
    static func first(
        of one: @escaping @Sendable () async -> Void,
        _ other: @escaping @Sendable () async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await one() }
            tasks.addTask { await other() }
            await tasks.next()
            tasks.cancelAll()
        }
    }
}
