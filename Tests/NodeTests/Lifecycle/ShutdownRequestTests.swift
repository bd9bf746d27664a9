import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryNode

/// What a node is told about its going.
@Suite
struct ShutdownRequestTests {
    @Test func `The first signal says go, the next hurry`() {
        let shutdownRequest = ShutdownRequest()
        #expect(!shutdownRequest.isRequested(.graceful))
        shutdownRequest.signalReceived()
        #expect(shutdownRequest.isRequested(.graceful) && !shutdownRequest.isRequested(.immediate))
        shutdownRequest.signalReceived()
        #expect(shutdownRequest.isRequested(.immediate))
    }

    @Test func `A request is no signal: whoever asks and then stops the process does not hurry it`() {
        let shutdownRequest = ShutdownRequest()
        shutdownRequest.request(.graceful)
        shutdownRequest.request(.graceful)
        shutdownRequest.signalReceived()
        #expect(!shutdownRequest.isRequested(.immediate))
    }

    @Test func `Hurry is more than go, and is not taken back`() {
        let shutdownRequest = ShutdownRequest()
        shutdownRequest.request(.immediate)
        shutdownRequest.request(.graceful)
        #expect(shutdownRequest.isRequested(.graceful) && shutdownRequest.isRequested(.immediate))
    }

    @Test func `Whoever waits goes on when it is told that, or more`() async {
        let shutdownRequest = ShutdownRequest()
        let heard = NIOLockedValueBox<[ShutdownRequest.Kind]>([])
        await withTaskGroup(of: Void.self) { tasks in
            for order in [ShutdownRequest.Kind.graceful, .immediate] {
                tasks.addTask {
                    await shutdownRequest.wait(for: order)
                    heard.withLockedValue { $0.append(order) }
                }
            }
            shutdownRequest.request(.graceful)
            await tasks.next()
            #expect(heard.withLockedValue { $0 } == [.graceful])
            shutdownRequest.request(.immediate)
        }
        #expect(heard.withLockedValue { $0 } == [.graceful, .immediate])
        // Told already.
        await shutdownRequest.wait(for: .immediate)
    }

    @Test func `A wait that is cancelled ends`() async {
        let shutdownRequest = ShutdownRequest()
        let task = Task { await shutdownRequest.wait(for: .graceful) }
        task.cancel()
        await task.value
        #expect(!shutdownRequest.isRequested(.graceful))
    }
}
