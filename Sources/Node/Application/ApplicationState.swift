import NIOCore

/// What an application keeps of one connection.
struct ApplicationState {
    /// Changed by ``ConnectionListing`` only.
    var listing = ListingState.unlisted
    /// From when on the client is told again that a message of it was refused.
    var nextRefusalNotice = NIODeadline.distantPast
}
