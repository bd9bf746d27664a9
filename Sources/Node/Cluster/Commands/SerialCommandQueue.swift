import NIOConcurrencyHelpers
import VolaryProtocol

/// Carries out the membership commands of each connection one after the other, in order of arrival: a join waits for a
/// subscription, and a leave must not overtake it. Different connections do not wait for each other.
final class SerialCommandQueue: Sendable {
    private struct Last {
        let task: Task<Void, Never>
        let number: UInt64
    }

    private struct State {
        /// The last command of each connection that has unfinished commands.
        var last: [ConnectionID: Last] = [:]
        var number: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    /// Connections with unfinished commands.
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
