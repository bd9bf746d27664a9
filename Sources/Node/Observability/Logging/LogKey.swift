/// The metadata keys of this module's log entries.
enum LogKey {
    static let address = "volary.address"
    /// The caller of a REST request: the first digits of a key's hash, or a user.
    static let caller = "volary.caller"
    static let change = "volary.change"
    /// The close code of a WebSocket.
    static let code = "volary.code"
    static let connection = "volary.connection"
    static let connections = "volary.connections"
    static let count = "volary.count"
    static let error = "volary.error"
    static let event = "volary.event"
    /// Scheme, host and port of an event handler.
    static let handler = "volary.handler"
    static let hub = "volary.hub"
    static let key = "volary.key"
    static let node = "volary.node"
    static let option = "volary.option"
    static let origin = "volary.origin"
    static let problem = "volary.problem"
    static let publications = "volary.publications"
    static let reason = "volary.reason"
    /// Different for each HTTP request of a process.
    static let request = "volary.request"
    /// The method and path template.
    static let route = "volary.route"
    static let side = "volary.side"
    static let signal = "volary.signal"
    static let silence = "volary.silence"
    static let status = "volary.status"
    static let suggestion = "volary.suggestion"
    /// The number of lines of the same kind left out since the last one.
    static let suppressed = "volary.suppressed"
    static let target = "volary.target"
    static let variable = "volary.variable"
}
