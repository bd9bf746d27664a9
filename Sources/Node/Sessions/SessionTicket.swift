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
    /// Of a connection that is resumed, as it was claimed.
    let record: SessionRecord?
    private let isTaken = ManagedAtomic(false)

    init(
        _ client: ResumableClient,
        _ handle: SessionHandle,
        of sessions: HubSessions,
        connectedAt: Int64,
        record: SessionRecord? = nil
    ) {
        self.client = client
        self.handle = handle
        self.sessions = sessions
        self.connectedAt = connectedAt
        self.record = record
    }

    /// From now on the caller reports the loss of the transport.
    func take() { self.isTaken.store(true, ordering: .relaxed) }

    deinit {
        guard !self.isTaken.load(ordering: .relaxed) else { return }
        self.sessions.lost(self.handle, self.record == nil ? .removes(reason: EndedSession.neverOpened) : .detaches)
    }
}
