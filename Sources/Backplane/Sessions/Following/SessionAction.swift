import VolaryProtocol

/// What a ``HubFollower`` wants done, in order.
enum SessionAction: Hashable {
    case subscribe([Audience])
    case unsubscribe([Audience])
    /// Its answer goes to ``HubFollower/read(_:of:attempt:into:)``.
    case read(SessionRead, attempt: UInt64)
    /// In calls of at most ``SessionLimits/sessionsPerCall``; nothing else of these sessions is sent before the answer.
    case vouch([OwnedSession], epoch: UInt64)
    /// A publication with its dense numbers. The payload is not sent once it has expired.
    case deliver(HubPublication, [SessionReceiver])
    /// What the client may do from here on.
    case permissions(ConnectionID, Set<UTF8Text>)
    /// The session is followed no longer.
    case end(ConnectionID, Fence?, SessionEnd)
    /// An event of an unknown epoch: call the store, for any purpose.
    case observe
}

/// Why a node stops following a session.
enum SessionEnd: Hashable {
    /// Remove it, and close the transport with 1008: the client cannot be resumed.
    case unrecoverable(SessionFailure)
    /// Cut the transport, without 1008, and detach: the client may come back.
    case cut
    /// Drop the transport and its unread input: another node has claimed the session.
    case fenced
    /// Removed by REST or an application.
    case closed(reason: String)
}

/// Why a session cannot be recovered.
package enum SessionFailure: Int, Hashable, Sendable, CaseIterable {
    /// The client observed what the store has lost.
    case historyLost
    /// The logs do not go back far enough.
    case trimmed
    /// Too much is unacknowledged.
    case overflow
    /// A link lost an entry in silence, and the client was sent later ones.
    case gap
    /// The client acknowledged more than it was sent.
    case acknowledgement
    /// The record is gone.
    case gone
    /// A message of another version.
    case unreadable
}

/// Collects actions.
struct SessionOutput {
    var actions: [SessionAction] = []

    mutating func append(_ action: SessionAction) { self.actions.append(action) }
}
