import ServiceLifecycle
import VolaryProtocol

/// Measures what the hubs that are used keep in Redis, about once a second, and refuses those above the quota.
struct HubStorageService: Service {
    private static let interval = Duration.seconds(1)

    let quotas: HubQuotas
    /// nil if it cannot be measured.
    let measure: @Sendable (HubName) async -> Int?

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.interval)) != nil { await self.quotas.measureStorage(self.measure) }
        }
    }
}
