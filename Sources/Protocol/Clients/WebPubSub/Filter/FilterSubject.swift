/// What a filter reads of a connection.
public protocol FilterSubject {
    var connectionID: UTF8Text { get }
    /// nil for an anonymous client.
    var userID: UTF8Text? { get }
    /// The subprotocol; nil for a raw client.
    var subprotocol: UTF8Text? { get }
    var groupCount: Int { get }
    func isMember(of group: UTF8Text) -> Bool
}
