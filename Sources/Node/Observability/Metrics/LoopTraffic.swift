import Atomics

/// The bytes of one event loop's clients. Only the loop writes, so that counting costs no more than an addition; any thread may read.
final class LoopTraffic: Sendable {
    private let receivedBytes = ManagedAtomic<Int>(0)
    private let sentBytes = ManagedAtomic<Int>(0)
    private let unsentBytes = ManagedAtomic<Int>(0)

    var received: Int { self.receivedBytes.load(ordering: .relaxed) }
    var sent: Int { self.sentBytes.load(ordering: .relaxed) }
    /// At the last check of the connections.
    var unsent: Int { self.unsentBytes.load(ordering: .relaxed) }

    @inline(__always)
    func received(_ bytes: Int) { Self.add(bytes, to: self.receivedBytes) }

    @inline(__always)
    func sent(_ bytes: Int) { Self.add(bytes, to: self.sentBytes) }

    func waits(_ bytes: Int) { self.unsentBytes.store(bytes, ordering: .relaxed) }

    @inline(__always)
    private static func add(_ bytes: Int, to counter: ManagedAtomic<Int>) {
        counter.store(counter.load(ordering: .relaxed) &+ bytes, ordering: .relaxed)
    }
}
