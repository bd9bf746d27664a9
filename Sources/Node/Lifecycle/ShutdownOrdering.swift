import ServiceLifecycle

/// Keeps a service running until another service, which needs it, has ended. At graceful shutdown the service group already stops
/// services in order. When the group is canceled it cancels all at once; then this type delays the cancellation of its service.
struct ShutdownOrdering: Service {
    /// Longest delay once the group is canceled.
    private static let timeout = Duration.milliseconds(500)

    let base: any Service
    /// Returns when the other service has ended.
    let otherEnded: @Sendable () async -> Void

    func run() async throws {
        // Not a child task, which would be canceled with its parent.
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
