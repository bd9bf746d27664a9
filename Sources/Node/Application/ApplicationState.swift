import NIOCore

/// The state that an application keeps for one connection.
struct ApplicationState {
    /// Changed by ``ConnectionListing`` only.
    var listing = ListingState.unlisted
    /// Earliest time of the next notice that a message was refused.
    var nextRefusalNotice = NIODeadline.distantPast
    /// Actions whose turn has not come; nil before the first of them.
    var waiting: WaitingActions?
    /// nil for a connection whose events no handler can get.
    var events: ConnectionEvents?
}
