import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// The implementations that the contract is tested on.
enum SessionStoreKind: String, CaseIterable, Sendable {
    case memory

    /// Runs `body` with a store whose clock the test advances.
    func withStore(_ body: (SessionEndpoint) async throws -> Void) async throws {
        switch self {
        case .memory:
            let time = NIOLockedValueBox<Int64>(1_800_000_000_000)
            let store = MemorySessionStore { time.withLockedValue { $0 } }
            let endpoint = SessionEndpoint(
                store: store,
                openLink: { store.openLink(to: .default, for: $0) },
                advance: { milliseconds in time.withLockedValue { $0 += milliseconds } }
            )
            try await body(endpoint)
        }
    }
}

/// A store in a test, with what each kind does in its own way.
struct SessionEndpoint {
    let store: any SessionStore
    let openLink: (NodeID) -> any HubLink
    /// Lets the store's time pass, in milliseconds.
    let advance: (Int64) async throws -> Void
}
