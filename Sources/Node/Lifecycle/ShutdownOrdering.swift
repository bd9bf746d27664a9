import ServiceLifecycle

/// A service that another one needs to the last. Its group stops them in their order; a group that is cancelled stops all at once, and then
/// this one still waits for the other.
struct ShutdownOrdering: Service {
    /// For the other one to end, once the group is cancelled.
    private static let timeout = Duration.milliseconds(500)

    let base: any Service
    /// Returns when the other one has ended.
    let otherEnded: @Sendable () async -> Void

    func run() async throws {
        // Not a child: it would be cancelled with its parent.
        let task = Task { try await self.base.run() }
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            Task {
                await Task.first(of: self.otherEnded, { try? await Task.sleep(for: Self.timeout) })
                task.cancel()
            }
        }
    }
}

extension ShutdownOrdering: CustomStringConvertible {
    var description: String { "\(type(of: self.base))" }
}
