extension Task where Success == Never, Failure == Never {
    /// Runs both closures, and cancels the second to finish when the first has finished. Returns when both have ended.
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
