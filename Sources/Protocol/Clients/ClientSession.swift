/// A client protocol on one connection: turns messages into actions and replies, and events into messages. Pure.
///
/// Used on one event loop, in the order in which messages arrive and leave.
public protocol ClientSession: AnyObject {
    /// Reads the next part of a message of the client, and removes its bytes from the message.
    ///
    /// A message may have several parts, each with its own action or reply. The node carries out each step before it asks for
    /// the next one. It checks the client's limits for each step: the rate, the unfinished actions, and the turn of the event
    /// loop. So the rest of a message may have to wait, and no other message is read before it.
    ///
    /// The message is complete when it is empty, and also when a call leaves it unchanged, unless the step is
    /// ``SessionStep/wait``. A protocol with one action in each message need not change it. Each message is passed at least
    /// once, an empty one too. A session that keeps the beginning of a part for the next message must limit what it keeps.
    /// - Parameter message: what is left of a complete message.
    /// - Throws: why the connection ends: a violation of the protocol, or the end that the client asked for. Steps before it are
    ///   carried out, and all later input is ignored. The node then asks for the last message (``ServerEvent/closing(_:reason:)``).
    func next(in message: inout ClientMessage) throws(ProtocolViolation) -> SessionStep

    /// Encodes an event. Not called during ``next(in:)``.
    /// - Returns: the message for the client; nil for an event that this protocol has no message for.
    func encode(_ event: ServerEvent) -> ClientMessage?

    /// Why the connection ends after the result of an action, in a protocol that has no other way to tell its clients of a
    /// failure. Asked after ``encode(_:)`` for the same result.
    /// - Returns: nil if the connection stays open.
    func end(after result: ActionResult) -> ProtocolViolation?

    /// What the client may do. The session of a protocol with permissions checks them, and the node changes them on behalf of
    /// REST. Other sessions have none, and ignore changes.
    var permissions: GroupPermissions { get set }

    /// How values are encoded for a client of a hub. nil in other protocols, and until a handshake has decided it
    /// (``HubRequest/opened``).
    var hubFormat: HubFormat? { get }

    /// Publications with numbers up to this one have been sent, or are not sent: the next one has the next number. For a protocol that
    /// numbers publications. Called by the node where it counts them itself.
    func skipPublications(through number: UInt64)

    /// Writes the tail of the next publication to this connection. Called once for each publication, in order, even if the
    /// transport then does not accept the message.
    /// - Parameter tail: has room for ``ClientProtocol/tailBytes`` bytes, all of which must be written. A write beyond them stops
    ///   the process.
    func writeTail(to tail: inout OutputRawSpan)
}

extension ClientSession {
    public func end(after result: ActionResult) -> ProtocolViolation? { nil }

    public var permissions: GroupPermissions {
        get { .none }
        set {}
    }

    public var hubFormat: HubFormat? { nil }

    public func skipPublications(through number: UInt64) {}

    public func writeTail(to tail: inout OutputRawSpan) {}
}
