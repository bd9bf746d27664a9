import NIOCore
import VolaryBackplane
import VolaryProtocol

/// What identifies a publication and says whom it was for.
struct TracedPublication: Hashable, Sendable {
    let id: PublicationID
    let sender: ConnectionID?
    let hub: HubName
    let audience: Audience
    let timestamp: Int64
    let payloadBytes: Int

    init(_ publication: Publication) {
        self.id = publication.id
        self.sender = publication.sender
        self.hub = publication.hub
        self.audience = publication.audience
        self.timestamp = publication.timestamp
        self.payloadBytes = publication.payload.readableBytes
    }

    var variableBytes: Int {
        switch self.audience {
        case .all, .connection: self.hub.text.utf8.count
        case .group(let name), .user(let name): self.hub.text.utf8.count + name.byteCount
        }
    }
}

/// A publication that this node has published.
struct PublishedTrace: TraceEntry {
    enum Outcome: Hashable, Sendable {
        /// Nobody waited for it.
        case unknown
        case relayed(receivers: Int, Position?)
        case waiting
        case failed(String)
    }

    let publication: TracedPublication
    var outcome = Outcome.unknown

    var time: Int64 { self.publication.timestamp }
    var variableBytes: Int { self.publication.variableBytes }
}

/// A publication that has arrived at this node.
struct ArrivedTrace: TraceEntry {
    enum State: String, Sendable {
        /// Not all event loops have finished.
        case delivering
        case delivered
        /// The node had no connection of its audience.
        case noAudience = "no-audience"
        /// Its lifetime was over.
        case expired
        /// Passed to sessions, which keep it for their clients.
        case sessions
    }

    let publication: TracedPublication
    let position: Position?
    let time: Int64
    var state: State
    var finishedAt: Int64?
    /// Connections, or sessions, that took it.
    var connections: UInt32 = 0
    var misses = FanOutMisses()
    /// Event loops whose queue was full.
    var fullQueues = 0

    var variableBytes: Int { self.publication.variableBytes + 16 * self.misses.closedIDs.count }
}

/// A connection of this node that has ended.
struct EndedTrace: TraceEntry {
    let id: ConnectionID
    let hub: HubName
    let user: AudienceName?
    let time: Int64
    let ending: TransportEnding
    let violation: LimitViolation?

    var variableBytes: Int { self.hub.text.utf8.count + (self.user?.byteCount ?? 0) }
}
