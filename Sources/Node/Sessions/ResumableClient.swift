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
    /// For a new connection, until its client has it. A client that resumes one has it.
    private var token: ReconnectionToken?
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
        if let token = self.token.take() { connection.send(.connected(reconnectionToken: token.text)) }
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
        forms.send(sequence, to: connection)
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
    /// The shared bytes, and a copy of them in which each connection's number is filled in.
    private struct Form {
        let encoding: ClientEncoding
        private let shared: EncodedForm
        private var copy: ByteBuffer

        init(_ publication: HubPublication, _ encoding: ClientEncoding) {
            self.encoding = encoding
            self.shared = EncodedForm(
                CollectionOfOne(PlacedPublication(publication.publication)),
                encoding: encoding,
                deflater: nil
            )
            self.copy = self.shared.bytes
        }

        /// Does nothing if the client protocol has no message for the publication.
        mutating func send(_ sequence: UInt64, to connection: Connection) {
            guard !self.shared.tails.isEmpty else { return }
            connection.session.skipPublications(through: sequence - 1)
            // A transport that has kept the bytes of the connection before keeps them as they are: the buffer copies itself.
            self.shared.fill(&self.copy) { connection.writeTail(to: &$0) }
            connection.send(self.copy)
        }
    }

    let publication: HubPublication
    private let mayExpire: Bool
    /// Of the encoding that was used last. A node has few encodings.
    private var form: Form?
    private var others: [Form] = []

    init(_ publication: HubPublication) {
        self.publication = publication
        self.mayExpire = publication.expiresAt != nil
    }

    /// Sends the publication under its number, unless it has expired.
    mutating func send(_ sequence: UInt64, to connection: Connection) {
        if self.mayExpire, self.publication.publication.isOver(now: connection.host.settings.now) { return }
        if self.form?.encoding !== connection.encoding { self.use(connection.encoding) }
        self.form?.send(sequence, to: connection)
    }

    private mutating func use(_ encoding: ClientEncoding) {
        if let form { self.others.append(form) }
        if let index = self.others.firstIndex(where: { $0.encoding === encoding }) {
            self.form = self.others.remove(at: index)
        } else {
            self.form = Form(self.publication, encoding)
        }
    }
}
