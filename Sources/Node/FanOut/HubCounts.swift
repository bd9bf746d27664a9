import NIOConcurrencyHelpers
import VolaryProtocol

/// How many connections of a node each hub has. Used from every thread.
final class HubCounts: Sendable {
    private let values = NIOLockedValueBox<[HubName: Int]>([:])

    /// No hub without connections.
    var counts: [HubName: Int] { self.values.withLockedValue { $0 } }

    func count(of hub: HubName) -> Int { self.values.withLockedValue { $0[hub] ?? 0 } }

    func add(_ hub: HubName) { self.values.withLockedValue { $0[hub, default: 0] += 1 } }

    func remove(_ hub: HubName) {
        self.values.withLockedValue { values in
            guard let count = values[hub] else { return }
            values[hub] = count > 1 ? count - 1 : nil
        }
    }
}
