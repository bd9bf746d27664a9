import ServiceLifecycle

/// Detaches the sessions of the last clients before the links to the other nodes are closed.
struct SessionsService: Service {
    /// The store's timeout.
    private static let detachTime = Duration.seconds(2)

    let sessions: ResumableSessions

    func run() async throws {
        try? await gracefulShutdown()
        await self.sessions.end(within: Self.detachTime)
    }
}
