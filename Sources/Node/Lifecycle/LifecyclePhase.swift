import NIOConcurrencyHelpers

/// Where a node stands in its life. Read from any thread.
final class LifecyclePhase: Sendable {
    enum Phase: Int, Comparable, Sendable {
        /// Works, and is ready as soon as relay and presence are.
        case serving
        /// Not ready any more, but still takes connections: the load balancer has not noticed yet.
        case notReady
        /// Refuses connections and closes those it has.
        case draining

        static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    private let current = NIOLockedValueBox(Phase.serving)

    var phase: Phase { self.current.withLockedValue { $0 } }

    /// Never goes back.
    func enter(_ phase: Phase) {
        self.current.withLockedValue { $0 = max($0, phase) }
    }
}
