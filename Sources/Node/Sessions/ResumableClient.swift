import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The client of a session on this node: passes on to its connection what the session delivers, and keeps it until the connection is
/// open. Belongs to the connection's event loop.
final class ResumableClient: SessionClient, @unchecked Sendable {
    // Unchecked: everything that changes is used on the event loop of `shard` only (asserted).

    /// A session while its connection is open.
    struct Session: Sendable {
        let hub: HubSessions
        let handle: SessionHandle
        /// Of the actions that succeeded before the client resumed the connection.
        let acknowledged: AcknowledgedIDs
    }

    let id: ConnectionID
    let shard: ConnectionShard
    /// For a new connection. A client that resumes one has it.
    private let token: ReconnectionToken?
    private var connection: Connection?
    private var unsent: [(publication: HubPublication, sequence: UInt64)] = []
    private var ending: SessionEnding?
    private(set) var session: Session?
    private var hasOpened = false

    init(_ id: ConnectionID, on shard: ConnectionShard, token: ReconnectionToken? = nil) {
        self.id = id
        self.shard = shard
        self.token = token
    }

    // MARK: - Called by the session

    func permissionsChanged(_ permissions: Set<UTF8Text>) {
        self.shard.eventLoop.execute { self.connection?.session.permissions = GroupPermissions(texts: permissions) }
    }

    func ended(_ ending: SessionEnding) {
        self.shard.eventLoop.execute {
            self.ending = ending
            self.connection?.close(ending.closeReason)
        }
    }

    // MARK: - On the connection's event loop

    /// Call when the connection is open and nothing was sent on it.
    func opened(_ connection: Connection, _ ticket: SessionTicket) {
        self.shard.eventLoop.preconditionInEventLoop()
        self.hasOpened = true
        self.session = Session(
            hub: ticket.sessions,
            handle: ticket.handle,
            acknowledged: ticket.record?.acknowledged ?? AcknowledgedIDs()
        )
        if let token { connection.send(.connected(reconnectionToken: token.text)) }
        self.connection = connection
        let unsent = self.unsent
        self.unsent = []
        for (publication, sequence) in unsent {
            var forms = SessionForms(publication)
            self.deliver(&forms, sequence)
        }
        if let ending { connection.close(ending.closeReason) }
    }

    /// Call when the connection has ended.
    func closed() {
        self.connection = nil
        self.session = nil
    }

    /// Sends a publication under its number, unless its lifetime is over.
    func deliver(_ forms: inout SessionForms, _ sequence: UInt64) {
        guard let connection else {
            if !self.hasOpened { self.unsent.append((forms.publication, sequence)) }
            return
        }
        guard let form = forms.form(connection.encoding, now: connection.host.settings.now) else { return }
        connection.session.skipPublications(through: sequence - 1)
        _ = self.shard.deliver(form, to: connection) { $0.send($1) }
    }
}

extension SessionEnding {
    fileprivate var closeReason: CloseReason {
        switch self {
        case .unrecoverable: .dismissal(.policyViolation, reason: PubSubCloseText.cannotRecover)
        case .cut: .cut
        case .closed(let reason): .dismissal(.normal, reason: "", text: reason)
        }
    }
}

/// The encoded forms of one publication for clients with sessions, on one event loop: one for each encoding.
struct SessionForms {
    let publication: HubPublication
    private var forms: [(encoding: ClientEncoding, form: EncodedForm)] = []

    init(_ publication: HubPublication) {
        self.publication = publication
    }

    /// - Returns: nil for a publication whose lifetime is over, and for one that the client protocol has no message for.
    mutating func form(_ encoding: ClientEncoding, now: () -> Int64) -> EncodedForm? {
        guard !self.publication.publication.isOver(now: now) else { return nil }
        if let known = self.forms.first(where: { $0.encoding === encoding })?.form { return known.tails.isEmpty ? nil : known }
        let form = EncodedForm(
            CollectionOfOne(PlacedPublication(self.publication.publication)),
            encoding: encoding,
            deflater: nil
        )
        self.forms.append((encoding, form))
        return form.tails.isEmpty ? nil : form
    }
}
