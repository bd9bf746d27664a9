/// A client protocol on one connection: turns messages into actions, and events into messages. Pure.
///
/// Used on one event loop, in the order in which messages arrive and leave.
public protocol ClientSession: AnyObject {
    /// Handles a complete message of the client.
    /// - Parameter act: called with each action that the message requests, in order, before this returns.
    /// - Throws: a violation of the protocol, for which the connection closes. Actions before the violation are carried out.
    func received(_ message: ClientMessage, _ act: (ClientAction) -> Void) throws(ProtocolViolation)

    /// Encodes an event. May be called while ``received(_:_:)`` calls `act`, because an action may have its result at once.
    /// - Returns: the message for the client; nil for an event that this protocol has no message for.
    func encode(_ event: ServerEvent) -> ClientMessage?

    /// Fills in the tail of the next message to this connection. Called once for each publication, in order, even if the
    /// transport then does not accept the message.
    /// - Parameter tail: ``ClientProtocol/tailBytes`` bytes, all of which must be written.
    func writeTail(to tail: UnsafeMutableRawBufferPointer)
}

extension ClientSession {
    public func writeTail(to tail: UnsafeMutableRawBufferPointer) {}
}
