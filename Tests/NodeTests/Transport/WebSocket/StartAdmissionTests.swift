import NIOConcurrencyHelpers
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Clients that connect while their node starts.
@Suite(.timeLimit(.minutes(5)))
struct StartAdmissionTests {
    private static var plain: Endpoint { .plain }

    private let hasSubscribed = NIOLockedValueBox(false)

    private var admission: WebSocketAdmission {
        let isSubscribed: @Sendable () -> Bool = { [hasSubscribed] in hasSubscribed.withLockedValue { $0 } }
        return WebSocketAdmission(
            access: WebSocketAuthenticator(origins: nil, tokens: nil, acceptsAnonymous: false),
            pubSub: .closed,
            isSubscribed: isSubscribed
        ) { TopicReservation($0, isHeld: false) { _ in } }
    }

    private func admit() async throws {
        let client = WebSocketHandshake.Client(endpoint: Self.plain, hub: .default, spoken: Self.plain.standard)
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws")
        _ = try await self.admission.admit(request, client, on: MultiThreadedEventLoopGroup.singleton.next())
    }

    @Test func `A client that comes before the node has subscribed waits for it`() async throws {
        let client = WebSocketHandshake.Client(endpoint: Self.plain, hub: .default, spoken: Self.plain.standard)
        #expect(self.admission.needsTime(for: client))
        let isAdmitted = NIOLockedValueBox(false)
        async let admitted: Void = {
            try await self.admit()
            isAdmitted.withLockedValue { $0 = true }
        }()
        try await Task.sleep(for: .milliseconds(20))
        #expect(!isAdmitted.withLockedValue { $0 })
        self.hasSubscribed.withLockedValue { $0 = true }
        try await admitted
        #expect(!self.admission.needsTime(for: client))
    }

    @Test func `Without Redis it is admitted nevertheless`() async throws { try await self.admit() }
}
