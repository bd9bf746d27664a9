/// Bounds what clients that are gone have left to be handled, all clients of one event loop together. Belongs to the loop.
///
/// A client that comes, says much and goes at once costs nothing more than a connection attempt: without this, some hundreds of
/// them would leave a node with minutes of work.
final class LeftoverBudget {
    /// For each event loop: 4 MiB, four of the largest leftovers of one client, or what thousands of clients have under way that
    /// are cut off at once.
    static let maximumBytes = 4 * 1024 * 1024

    private var bytes = 0
    private let sockets: Admission?

    /// - Parameter sockets: counts a client that is gone for as long as something of it is left, as if its socket were still
    ///   open.
    init(sockets: Admission? = nil) {
        self.sockets = sockets
    }

    /// - Returns: whether there is room. ``release(_:)`` follows once the bytes have been handled.
    func reserve(_ count: Int) -> Bool {
        guard self.bytes + count <= Self.maximumBytes else { return false }
        self.bytes += count
        if count > 0 { _ = self.sockets?.enter() }
        return true
    }

    func release(_ count: Int) {
        self.bytes -= count
        if count > 0 { self.sockets?.release() }
    }
}

@available(*, unavailable)
extension LeftoverBudget: Sendable {}
