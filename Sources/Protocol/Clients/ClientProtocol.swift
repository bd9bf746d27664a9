/// What is spoken on a transport: how publications become messages, the same for all connections.
///
/// One instance serves a whole node, from any thread, and does no I/O. What differs from connection to connection is in a
/// ``ClientSession``.
///
/// To add a protocol: a folder beside `Plain` and `Echo` with this type and its session, and a line in the node's endpoints that
/// says on which path and under which WebSocket subprotocol it is spoken. The fan-out encodes a publication once for all
/// connections of a protocol, whatever their number.
public protocol ClientProtocol: AnyObject, Sendable {
    /// What the presence store and REST call it: at most 32 ASCII letters, digits, dots and dashes.
    var name: String { get }

    /// The message that a publication is, for every connection alike.
    /// - Returns: nil for one that clients of this protocol do not get.
    func encode(_ publication: Publication) -> ClientMessage?

    /// Bytes at the end of each message that each connection fills in by itself, for example its sequence number: 0 to 64; 0 by
    /// default, which costs nothing.
    ///
    /// ``encode(_:)`` leaves room for them: so many bytes of any value. Such messages are never compressed.
    var tailBytes: Int { get }

    /// What one connection needs to speak the protocol. A protocol that keeps nothing of a connection may give the same object to
    /// all.
    func makeSession() -> any ClientSession
}

extension ClientProtocol {
    public var tailBytes: Int { 0 }
}
