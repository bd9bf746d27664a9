import NIOCore
import VolaryProtocol

/// The timeouts of a client of SignalR, with the values of ASP.NET Core. Pure.
///
/// The node checks all of its connections four times in ``keepAlive``, so that each is detected up to a quarter of it late.
struct SignalRTimes {
    enum Verdict: Hashable {
        case nothing
        case ping
        /// The client has not said how it encodes records.
        case noHandshake
        /// The client has stopped to keep its connection alive.
        case silent
    }

    /// Time between pings of the node: 15 s. Clients close a connection on which they hear nothing for 30 s.
    static let keepAlive = TimeAmount.seconds(15)
    /// How long a client may be silent that has pinged once: 30 s.
    static let silence = TimeAmount.seconds(30)
    /// Time for the handshake: 15 s.
    static let handshake = TimeAmount.seconds(15)
    static let silenceText = "The client has sent nothing for too long."

    private let openedAt: NIODeadline
    private var lastPing: NIODeadline
    private var lastHeard: NIODeadline
    private var messageCount: UInt32 = 0

    init(now: NIODeadline) {
        self.openedAt = now
        self.lastPing = now
        self.lastHeard = now
    }

    /// - Parameter isReading: false while the node does not read from the client. Then its silence means nothing.
    mutating func check(now: NIODeadline, _ session: SignalRSession, isReading: Bool) -> Verdict {
        guard session.hubFormat != nil else { return now - self.openedAt >= Self.handshake ? .noHandshake : .nothing }
        if session.messageCount != self.messageCount || !isReading || !session.hasPinged {
            self.messageCount = session.messageCount
            self.lastHeard = now
        } else if now - self.lastHeard >= Self.silence {
            return .silent
        }
        guard now - self.lastPing >= Self.keepAlive else { return .nothing }
        self.lastPing = now
        return .ping
    }
}
