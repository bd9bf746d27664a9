import NIOConcurrencyHelpers
import VolaryProtocol

/// Carries out what is asked of a connection's groups one after the other, in the order in which it was asked: joining waits for a
/// subscription, and leaving must not overtake it. Those of different connections do not wait for each other.
final class SerialCommandQueue: Sendable {
    private struct Last {
        let task: Task<Void, Never>
        let number: UInt64
    }

    private struct State {
        /// Of each connection of which something is under way.
        var last: [ConnectionID: Last] = [:]
        var number: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    /// Connections of which something is under way.
    var count: Int { self.state.withLockedValue { $0.last.count } }

    func append(of connection: ConnectionID, _ change: @escaping @Sendable () async -> Void) {
        self.state.withLockedValue { state in
            state.number += 1
            let (number, before) = (state.number, state.last[connection]?.task)
            let task = Task {
                await before?.value
                await change()
                self.finished(connection, number)
            }
            state.last[connection] = Last(task: task, number: number)
        }
    }

    private func finished(_ connection: ConnectionID, _ number: UInt64) {
        self.state.withLockedValue { state in
            if state.last[connection]?.number == number { state.last[connection] = nil }
        }
    }
}
