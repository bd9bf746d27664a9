import NIOCore
import VolaryProtocol

/// The timeouts of a client of SignalR, by default those of ASP.NET Core. Pure.
struct SignalRTimes {
    enum Verdict: Hashable {
        case nothing
        case ping
        /// The client has not said how it encodes records.
        case noHandshake
        /// The client has stopped to keep its connection alive.
        case silent
    }

    /// The node checks all of its connections four times in the shortest of these, so that each is detected up to a quarter of it late.
    struct Settings: Hashable, Sendable {
        /// Time between pings of the node: 15 s. Clients close a connection on which they hear nothing for 30 s. `--signalr-keep-alive`.
        var keepAlive = TimeAmount.seconds(15)
        /// How long a client may be silent that has pinged once: 30 s. `--signalr-client-timeout`.
        var silence = TimeAmount.seconds(30)
        /// Time for the handshake: 15 s. `--signalr-handshake-timeout`.
        var handshake = TimeAmount.seconds(15)

        var shortest: TimeAmount { min(self.keepAlive, self.silence, self.handshake) }
    }

    static let silenceText = "The client has sent nothing for too long."

    private let settings: Settings
    private let openedAt: NIODeadline
    private var lastPing: NIODeadline
    private var lastHeard: NIODeadline
    private var messageCount: UInt32 = 0

    init(_ settings: Settings, now: NIODeadline) {
        self.settings = settings
        self.openedAt = now
        self.lastPing = now
        self.lastHeard = now
    }

    /// - Parameter isReading: false while the node does not read from the client. Then its silence means nothing.
    mutating func check(now: NIODeadline, _ session: SignalRSession, isReading: Bool) -> Verdict {
        guard session.hubFormat != nil else { return now - self.openedAt >= self.settings.handshake ? .noHandshake : .nothing }
        if session.messageCount != self.messageCount || !isReading || !session.hasPinged {
            self.messageCount = session.messageCount
            self.lastHeard = now
        } else if now - self.lastHeard >= self.settings.silence {
            return .silent
        }
        guard now - self.lastPing >= self.settings.keepAlive else { return .nothing }
        self.lastPing = now
        return .ping
    }
}
