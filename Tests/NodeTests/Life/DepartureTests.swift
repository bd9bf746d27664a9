import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import Node

/// What a node is told about its going.
@Suite
struct DepartureTests {
    @Test func `The first signal says go, the next hurry`() {
        let departure = Departure()
        #expect(!departure.isTold(.go))
        departure.signalled()
        #expect(departure.isTold(.go) && !departure.isTold(.hurry))
        departure.signalled()
        #expect(departure.isTold(.hurry))
    }

    @Test func `A request is no signal: whoever asks and then stops the process does not hurry it`() {
        let departure = Departure()
        departure.tell(.go)
        departure.tell(.go)
        departure.signalled()
        #expect(!departure.isTold(.hurry))
    }

    @Test func `Hurry is more than go, and is not taken back`() {
        let departure = Departure()
        departure.tell(.hurry)
        departure.tell(.go)
        #expect(departure.isTold(.go) && departure.isTold(.hurry))
    }

    @Test func `Whoever waits goes on when it is told that, or more`() async {
        let departure = Departure()
        let heard = NIOLockedValueBox<[Departure.Order]>([])
        await withTaskGroup(of: Void.self) { tasks in
            for order in [Departure.Order.go, .hurry] {
                tasks.addTask {
                    await departure.told(order)
                    heard.withLockedValue { $0.append(order) }
                }
            }
            departure.tell(.go)
            await tasks.next()
            #expect(heard.withLockedValue { $0 } == [.go])
            departure.tell(.hurry)
        }
        #expect(heard.withLockedValue { $0 } == [.go, .hurry])
        // Told already.
        await departure.told(.hurry)
    }

    @Test func `A wait that is cancelled ends`() async {
        let departure = Departure()
        let task = Task { await departure.told(.go) }
        task.cancel()
        await task.value
        #expect(!departure.isTold(.go))
    }
}
