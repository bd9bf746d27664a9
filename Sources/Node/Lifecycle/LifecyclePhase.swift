import NIOConcurrencyHelpers

/// The phase of a node's lifecycle. Read from any thread.
final class LifecyclePhase: Sendable {
    enum Phase: Int, Comparable, Sendable {
        /// Accepts connections. Ready when broker and presence are up.
        case serving
        /// Reports not ready, but still accepts connections: the load balancer may not have noticed yet.
        case notReady
        /// Refuses new connections and closes the existing ones.
        case draining

        static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    private let current = NIOLockedValueBox(Phase.serving)

    var phase: Phase { self.current.withLockedValue { $0 } }

    /// Moves to a later phase; an earlier one is ignored.
    func enter(_ phase: Phase) {
        self.current.withLockedValue { $0 = max($0, phase) }
    }
}
