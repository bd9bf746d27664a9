import NIOCore
import VolaryProtocol

/// The limits of one client over time. The transport reports what it has read.
struct InputLimits {
    var timeouts: ConnectionTimeouts
    /// nil when the client has no rate limit.
    let meter: RateMeter?
    var unfinished = UnfinishedActions()
    /// Whether the next part has waited for a result and does not count for the rate again.
    var hasCountedNext = false

    /// - Parameter id: spreads the first pings of connections that were opened together, without a system call for a random
    ///   number.
    init(_ settings: ConnectionSettings, id: ConnectionID, now: NIODeadline) {
        let half = settings.timeouts.pingInterval.nanoseconds / 2
        let share = Int64(id.hashValue.magnitude % UInt(half))
        self.timeouts = ConnectionTimeouts(now: now, firstPing: .nanoseconds(half + share))
        self.meter = RateMeter(settings.bounds, now: now)
    }
}
