import NIOConcurrencyHelpers

/// Tasks that are cancelled together, and awaited.
final class TaskBag: Sendable {
    private let tasks = NIOLockedValueBox<(running: [Task<Void, Never>], isEnded: Bool)>(([], false))

    /// Does nothing once the bag has ended.
    func add(_ body: @escaping @Sendable () async -> Void) {
        self.tasks.withLockedValue { tasks in
            if !tasks.isEnded { tasks.running.append(Task { await body() }) }
        }
    }

    func end() async {
        let tasks = self.tasks.withLockedValue { tasks in
            tasks.isEnded = true
            return tasks.running
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}

/// A fault did not take effect, or could not be tested.
public struct FaultError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
