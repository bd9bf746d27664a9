import NIOConcurrencyHelpers
import ServiceLifecycle
import TestSupport
import Testing

@testable import VolaryNode

/// A service that outlasts another one.
@Suite
struct ShutdownOrderingTests {
    private struct Base: Service {
        let ended: NIOLockedValueBox<Bool>

        func run() async throws {
            try? await gracefulShutdown()
            self.ended.withLockedValue { $0 = true }
        }
    }

    private let ended = NIOLockedValueBox(false)
    private var hasEnded: Bool { self.ended.withLockedValue { $0 } }

    private func group(otherEnded: @escaping @Sendable () async -> Void) -> ServiceGroup {
        let service = ShutdownOrdering(base: Base(ended: self.ended), otherEnded: otherEnded)
        return ServiceGroup(configuration: ServiceGroupConfiguration(services: [service], logger: .quiet))
    }

    @Test func `Cancelled, it ends when the other one has`() async {
        let (stream, other) = AsyncStream.makeStream(of: Never.self)
        let asked = NIOLockedValueBox(false)
        let group = self.group {
            asked.withLockedValue { $0 = true }
            for await _ in stream {}
        }
        let run = Task { try await group.run() }
        run.cancel()
        #expect(await eventually { asked.withLockedValue { $0 } })
        #expect(!self.hasEnded)
        other.finish()
        _ = await run.result
        #expect(self.hasEnded)
    }

    @Test func `Cancelled, it does not wait for another one that does not end`() async {
        let (stream, other) = AsyncStream.makeStream(of: Never.self)
        let group = self.group { for await _ in stream {} }
        let run = Task { try await group.run() }
        run.cancel()
        _ = await run.result
        #expect(self.hasEnded)
        withExtendedLifetime(other) {}
    }

    @Test func `A graceful shutdown ends it as it is: its group keeps the order`() async throws {
        let group = self.group { while !Task.isCancelled { await Task.yield() } }
        let run = Task { try await group.run() }
        await group.triggerGracefulShutdown()
        try await run.value
        #expect(self.hasEnded)
    }
}
