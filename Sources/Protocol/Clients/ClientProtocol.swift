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

    /// Encodes a publication for every connection, without the tail.
    /// - Returns: nil if clients of this protocol do not get the publication. Receipts do not count them then.
    func encode(_ publication: Publication) -> ClientMessage?

    /// The same for a protocol that tells its clients the place of a publication in the order of its hub. By default it is not told.
    func encode(_ publication: Publication, at position: Position?) -> ClientMessage?

    /// Number of bytes at the end of each publication that each connection writes itself, for example for a sequence number: 0
    /// to ``Limits/maximumTailBytes``. The default is 0 and costs nothing.
    ///
    /// Constant: read once. The node makes room for the tail behind each encoded publication, and the session writes it
    /// (``ClientSession/writeTail(to:)``). Publications with a tail are never compressed.
    var tailBytes: Int { get }

    /// Creates the session of one connection. A protocol without state of a connection may return the same object for all.
    func makeSession(_ facts: SessionFacts) -> any ClientSession
}

extension ClientProtocol {
    public func encode(_ publication: Publication, at position: Position?) -> ClientMessage? { self.encode(publication) }

    public var tailBytes: Int { 0 }
}
