/// Limits the unhandled bytes of clients that have disconnected, for all clients of one event loop together. Belongs to the
/// loop.
///
/// A client that connects, sends many messages and disconnects at once pays no more than a connection attempt. Without this
/// limit, some hundreds of such clients would cause minutes of work.
final class LeftoverBudget {
    /// Maximum per event loop: 4 MiB. This is four times the maximum of one client (``PendingInput/maximumBytes``). It also
    /// suffices for thousands of ordinary clients that disconnect at the same time.
    static let maximumBytes = 4 * 1024 * 1024

    private var bytes = 0
    private let sockets: Admission?

    /// - Parameter sockets: counts a client that has disconnected as an open socket until all of its bytes are handled.
    init(sockets: Admission? = nil) {
        self.sockets = sockets
    }

    /// - Returns: whether there is room. If so, call ``release(_:)`` once the bytes have been handled.
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
