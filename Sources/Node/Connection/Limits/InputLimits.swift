import NIOCore
import VolaryProtocol

/// What one client may do, over time. The transport tells what it has read.
struct InputLimits {
    var timeouts: ConnectionTimeouts
    /// Nil when the client may send as much as it can.
    let meter: RateMeter?
    var unfinished = UnfinishedActions()

    /// - Parameter id: random enough for connections made together not to ping together, and no system call.
    init(_ settings: ConnectionSettings, id: ConnectionID, now: NIODeadline) {
        let half = settings.timeouts.pingInterval.nanoseconds / 2
        let share = Int64(id.hashValue.magnitude % UInt(half))
        self.timeouts = ConnectionTimeouts(now: now, firstPing: .nanoseconds(half + share))
        self.meter = RateMeter(settings.bounds, now: now)
    }
}
