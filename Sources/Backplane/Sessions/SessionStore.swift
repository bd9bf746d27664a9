public import VolaryProtocol

/// The order of each hub, its logs, and the sessions of its resumable connections, which outlive their nodes.
///
/// **Order.** The scripts of a hub are executed one after the other. Each that writes takes the hub's next number; publications and
/// changes of sessions are appended under it to the log of their topic, and pushed to the links of the subscribed nodes in the order
/// of execution (``HubLink``).
///
/// **Once.** A node numbers its operations in each hub. A store executes a sequence once: repeated, it answers `alreadyExecuted`, or
/// the refusal that it gave. A node therefore repeats what has no answer, in order. Other scripts may be repeated without harm.
///
/// **Ownership.** Attaching or claiming makes the caller a session's owner. Each script of an owner compares the ``Fence``; who has
/// been fenced gets ``SessionRefusal/fenced`` and gives the connection up.
///
/// **Epochs.** Each script first looks whether the store's history is another one than before. Then an epoch begins, and numbers
/// jump. ``Observed/loss`` tells each caller what is lost for it. Scripts of owners are refused as `unverified` until the owner
/// has vouched for the session; what nobody vouches for within 10 s is refused for good.
///
/// **Time.** Windows and ages are measured on the store's clock.
///
/// **Errors.** Every call ends within the store's timeout. A call that throws may have taken effect.
public protocol SessionStore: Sendable {
    /// Executes operations, in order. At most ``SessionLimits/outstandingOperations`` of a node may wait for their answers.
    /// - Returns: the answers, in order, up to the first operation that has none. Whether that one and later ones were executed is not
    ///   known. Throws when the first has none.
    func execute(
        _ operations: [SequencedOperation],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> [Observed<OperationAnswer>]

    /// Makes the caller the owner, whatever the state of the former one, which is told (``HubLinkEvent/fenced(_:by:)``).
    /// - Parameter tokenHash: SHA-256 of the token that the client presents.
    func claim(
        _ connection: ConnectionID,
        tokenHash: [UInt8],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<ClaimAnswer>

    /// The transport is lost. The session may be claimed for the length of its window.
    func detach(_ session: OwnedSession, from caller: SessionCaller) async throws(SessionStoreError) -> Observed<SessionAnswer>

    /// Stores checkpoints that are above the stored ones. Intervals and own entries that end below them go. The topics of all these
    /// sessions keep for a log's age what a replay needs, and more of it than their limits.
    /// - Parameter acknowledgements: at most ``SessionLimits/sessionsPerCall``.
    /// - Returns: an answer for each, in order.
    func acknowledge(
        _ acknowledgements: [SessionAcknowledgement],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]>

    /// One page of everything above `read.after` in the session's topics: at most 256 entries and 1 MiB, or one entry.
    func read(_ read: SessionRead, from caller: SessionCaller) async throws(SessionStoreError) -> Observed<SessionReadAnswer>

    /// Tells a new epoch that the clients of these sessions saw nothing that is lost. At most ``SessionLimits/sessionsPerCall``.
    /// - Parameter epoch: for which the caller has judged. If a later one has begun, all are answered `unverified`: judge again.
    func vouch(
        for sessions: [OwnedSession],
        in epoch: UInt64,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]>

    /// Detaches the session of a dead owner. By any node; does nothing when the session has another fence or is not attached.
    func take(_ session: OwnedSession, from caller: SessionCaller) async throws(SessionStoreError) -> Observed<SessionAnswer>

    /// Removes sessions of the caller: their clients closed, or cannot be resumed. At most ``SessionLimits/sessionsPerCall``.
    /// - Returns: an answer for each, in order.
    func remove(
        _ removals: [SessionRemoval],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]>

    /// Removes a session whose window is over. By any node; does nothing to others.
    func expire(_ connection: ConnectionID, from caller: SessionCaller) async throws(SessionStoreError) -> Observed<SessionAnswer>

    /// Pushes the hub's number to the caller's link (``HubLinkEvent/mark(_:)``): once a second, for each hub with sessions.
    func mark(from caller: SessionCaller) async throws(SessionStoreError) -> Observed<Void>

    /// The number of the last entry of each topic that has one, in the log or not, and what is known to be lost. A node compares them
    /// every few seconds with what it heard.
    func lastNumbers(
        of topics: [Audience],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<LastNumbers>

    /// Sessions for the sweep: those whose window is over, at most `limit`.
    func expired(in hub: HubName, limit: Int) async throws(SessionStoreError) -> [ConnectionID]
    /// The sessions that `node` owns, ordered by id, at most `limit`.
    func sessions(of node: NodeID, in hub: HubName, limit: Int) async throws(SessionStoreError) -> [OwnedSession]
    /// Looks for sessions, attached and detached, whatever the owner's lease, in one section of a hub: of the sessions above `after`, the
    /// ``SessionLimits/sessionsPerSearch`` with the lowest ids.
    func find(
        _ selection: SessionSelection,
        in hub: HubName,
        after: ConnectionID?
    ) async throws(SessionStoreError) -> FoundSessions
    /// The records of those of these sessions that exist, in the order of `connections`.
    func records(of connections: [ConnectionID], in hub: HubName) async throws(SessionStoreError) -> [SessionRecord]

    /// Removed sessions whose end an application must be told, at most `limit`; each until it is confirmed, or an hour.
    func ended(in hub: HubName, limit: Int) async throws(SessionStoreError) -> [EndedSession]
    func confirmEnded(_ connections: [ConnectionID], in hub: HubName) async throws(SessionStoreError)
}

/// Why a session store did not answer.
public enum SessionStoreError: Error, Hashable, Sendable {
    /// Not linked, or no answer within the timeout. The text is for operators.
    case unavailable(String)
}
