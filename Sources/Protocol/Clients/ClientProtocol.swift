/// A client protocol: how publications become messages, the same for all connections.
///
/// One instance serves a whole node from any thread, without I/O. State of one connection is in a ``ClientSession``.
///
/// To add a protocol, create a folder beside `Plain` and `Echo` with this type and its session, and add the protocol to the
/// node's endpoints with its path and its WebSocket subprotocol. The fan-out encodes a publication once for all connections of
/// a protocol.
public protocol ClientProtocol: AnyObject, Sendable {
    /// Name in the presence store and in REST: at most 32 ASCII letters, digits, dots and dashes.
    var name: String { get }

    /// Encodes a publication for every connection.
    /// - Returns: nil if clients of this protocol do not get the publication.
    func encode(_ publication: Publication) -> ClientMessage?

    /// Number of bytes at the end of each message that each connection fills in itself, for example for a sequence number: 0 to
    /// 64. The default is 0 and costs nothing.
    ///
    /// ``encode(_:)`` ends each message with this number of bytes, of any value. Messages with a tail are never compressed.
    var tailBytes: Int { get }

    /// Creates the session of one connection. A protocol without state of a connection may return the same object for all.
    func makeSession() -> any ClientSession
}

extension ClientProtocol {
    public var tailBytes: Int { 0 }
}
