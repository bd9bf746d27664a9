import OrderedCollections
import VolaryProtocol

/// Removed sessions of which an application has not been told yet: bounded, the rest is counted.
struct MemoryEndedSessions {
    private var sessions: OrderedDictionary<ConnectionID, (session: EndedSession, time: Int64)> = [:]
    /// Ends of which no application was or will be told.
    private(set) var untold = 0

    /// Oldest first.
    func first(_ limit: Int) -> [EndedSession] { self.sessions.values.prefix(limit).map(\.session) }

    mutating func add(_ session: EndedSession, at now: Int64) {
        guard self.sessions.count < SessionLimits.ended else {
            self.untold += 1
            return
        }
        self.sessions[session.connection] = (session, now)
    }

    mutating func confirm(_ connection: ConnectionID) { self.sessions[connection] = nil }

    mutating func removeOld(at now: Int64) {
        let count = self.sessions.values.prefix { now - $0.time >= SessionLimits.endedAge.milliseconds }.count
        guard count > 0 else { return }
        self.untold += count
        self.sessions.removeFirst(count)
    }
}
