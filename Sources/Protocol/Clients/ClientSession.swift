/// A client protocol as one connection speaks it: messages to actions, events to messages. Pure.
///
/// Used on one event loop at a time, in the order in which messages come and go.
public protocol ClientSession: AnyObject {
    /// A complete message from the client.
    /// - Parameter act: called with each action that the client asks for with it, in order, before this returns.
    /// - Throws: what the client did against the protocol. The connection ends with it; actions before it count.
    func received(_ message: ClientMessage, _ act: (ClientAction) -> Void) throws(ProtocolViolation)

    /// Perhaps called while ``received(_:_:)`` calls `act`: an action may have its result at once.
    /// - Returns: what the client is told; nil for an event that this protocol has no words for.
    func encode(_ event: ServerEvent) -> ClientMessage?

    /// Fills in the tail of the next message to this connection. Called once for each publication, in their order, also when the
    /// bytes are then not taken.
    /// - Parameter tail: ``ClientProtocol/tailBytes`` bytes, all of which must be written.
    func writeTail(to tail: UnsafeMutableRawBufferPointer)
}

extension ClientSession {
    public func writeTail(to tail: UnsafeMutableRawBufferPointer) {}
}
