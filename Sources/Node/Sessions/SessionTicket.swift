import Atomics
import VolaryBackplane
import VolaryProtocol

/// The session of a client whose handshake is not answered yet, or whose connection is open.
///
/// Deallocation before a connection has taken it gives the session up: a client may disconnect at any moment of its handshake.
final class SessionTicket: Sendable {
    let client: ResumableClient
    let handle: SessionHandle
    /// Of the hub.
    let sessions: HubSessions
    /// When the connection was first opened: milliseconds since 1970, UTC.
    let connectedAt: Int64
    private let isNew: Bool
    private let isTaken = ManagedAtomic(false)

    init(
        _ client: ResumableClient,
        _ handle: SessionHandle,
        of sessions: HubSessions,
        isNew: Bool,
        connectedAt: Int64
    ) {
        self.client = client
        self.handle = handle
        self.sessions = sessions
        self.isNew = isNew
        self.connectedAt = connectedAt
    }

    /// From now on the caller reports the loss of the transport.
    func take() { self.isTaken.store(true, ordering: .relaxed) }

    deinit {
        guard !self.isTaken.load(ordering: .relaxed) else { return }
        self.sessions.lost(self.handle, self.isNew ? .removes(reason: "") : .detaches)
    }
}
