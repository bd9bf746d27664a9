import NIOCore

/// The state that an application keeps for one connection.
struct ApplicationState {
    /// Changed by ``ConnectionListing`` only.
    var listing = ListingState.unlisted
    /// Earliest time of the next notice that a message was refused.
    var nextRefusalNotice = NIODeadline.distantPast
    /// Actions whose turn has not come; nil before the first of them.
    var waiting: WaitingActions?
    private var part = Part.none

    /// One of the two in the space of one reference.
    private enum Part {
        case none
        case events(ConnectionEvents)
        case calls(ConnectionCalls)
    }

    /// nil for a connection whose events no handler can get.
    var events: ConnectionEvents? {
        get { if case .events(let events) = self.part { events } else { nil } }
        set { self.part = newValue.map { .events($0) } ?? .none }
    }

    /// nil for a connection that is no client of a hub's methods, and after its end.
    var calls: ConnectionCalls? {
        get { if case .calls(let calls) = self.part { calls } else { nil } }
        set { self.part = newValue.map { .calls($0) } ?? .none }
    }
}
