import DequeModule
import VolaryProtocol

/// An owner's state of one session: up to where it has looked at the hub's order, and what its client has been sent.
///
/// Claiming, a lost link, a gap, and a membership that the node did not foresee are all one procedure: subscribe to what is missing,
/// wait for the confirmations, read from the cursor, then go on with what was heard meanwhile.
struct SessionFollower {
    enum Phase: Hashable {
        /// The record is being written. Arrivals are held.
        case attaching
        case following
        /// Waits for subscriptions. Arrivals are ignored: the read to come has them.
        case subscribing
        /// Waits for a page. Arrivals are held.
        case reading(attempt: UInt64)
        /// Waits until the store has the word of this node that the client saw nothing that is lost.
        case suspended
    }

    private struct Sent {
        let checkpoint: Checkpoint
        let bytes: Int
    }

    /// What becomes of a publication.
    enum Outcome {
        case nothing
        case deliver(SessionReceiver)
        case end(SessionEnd)
        /// The session does not follow.
        case later
    }

    enum Step: Hashable {
        case done
        /// A topic that is not heard from the entry on.
        case catchUp
        case end(SessionEnd)
    }

    let id: ConnectionID
    /// Passed on with what is delivered.
    let client: any SessionClient
    let user: AudienceName?
    let `protocol`: String
    let rules: SessionRules
    var fence: Fence?
    var phase: Phase
    /// Whether there was an entry in its topics above the checkpoint that was stored.
    private(set) var hasLooked = false
    private(set) var memberships: MembershipHistory
    /// The number up to which every entry has been looked at.
    private(set) var cursor: UInt64
    /// Publications for this connection up to the cursor.
    private(set) var delivered: UInt64
    /// The highest number that the client may know of: delivered, answered, or claimed with.
    private(set) var highest: UInt64
    /// The last checkpoint that was given to the store.
    private(set) var stored: Checkpoint
    private var acknowledged: Checkpoint
    /// What the client acknowledged, which may be above `delivered` until a replay has counted so far.
    private var acknowledgedSequence: UInt64
    private var outbox: Deque<Sent> = []
    private var outboxBytes = 0
    private(set) var held: [LogEntry] = []
    private(set) var heldBytes = 0
    /// Held entries were dropped: read again.
    var mustReadAgain = false
    /// Topics of the record beyond those that follow from the memberships known here: of joins under way.
    var pending: Set<Audience> = []
    /// The last entry of the own topic that was heard.
    var lastOwn: UInt64?
    /// Numbers that the session was not followed through, oldest first: those above `after` and below `before` were of an owner that is no
    /// longer, or of an epoch that is over. What has survived of them is in logs; if something has not, the session may lack it.
    private var gaps: [(after: UInt64, before: UInt64)] = []
    /// As many as the store knows epochs: 16.
    private static let maximumGaps = 16

    init(attaching id: ConnectionID, client: any SessionClient, user: AudienceName?, protocol: String, rules: SessionRules) {
        self.id = id
        self.client = client
        self.user = user
        self.protocol = `protocol`
        self.rules = rules
        self.phase = .attaching
        self.memberships = MembershipHistory()
        (self.cursor, self.delivered, self.highest, self.acknowledgedSequence) = (0, 0, 0, 0)
        self.stored = Checkpoint(number: 0, delivered: 0)
        self.acknowledged = self.stored
    }

    init(claimed record: SessionRecord, client: any SessionClient, rules: SessionRules) {
        self.init(attaching: record.id, client: client, user: record.user, protocol: record.protocol, rules: rules)
        self.fence = record.fence
        self.phase = .subscribing
        self.memberships = record.memberships
        self.begin(at: record.checkpoint)
        self.goesOn(at: record.fence.position.number)
        self.highest = rules.enforces(.claimsRaiseHighest) ? record.fence.position.number : record.checkpoint.number
    }

    mutating func attached(_ fence: Fence, groups: [AudienceName]) {
        let number = fence.position.number
        self.fence = fence
        for group in groups { self.memberships.join(group, at: number) }
        self.begin(at: Checkpoint(number: number, delivered: 0))
        self.highest = number
    }

    private mutating func begin(at checkpoint: Checkpoint) {
        (self.cursor, self.delivered) = (checkpoint.number, checkpoint.delivered)
        (self.stored, self.acknowledged, self.acknowledgedSequence) = (checkpoint, checkpoint, checkpoint.delivered)
    }

    var isFollowing: Bool { if case .following = self.phase { true } else { false } }

    var owned: OwnedSession? { self.fence.map { OwnedSession(connection: self.id, fence: $0) } }

    /// What the session must hear, its own topic aside.
    var topics: Set<Audience> {
        let topics = SessionRecord.topics(of: self.id, user: self.user, memberships: self.memberships, after: self.cursor).keys
        return self.pending.union(topics).subtracting([.connection(self.id)])
    }

    // MARK: - The order

    /// Looks at one entry.
    /// - Parameter isReplay: of a page, which has all entries of all topics.
    mutating func step(
        _ entry: LogEntry,
        subscriptions: HubSubscriptions,
        isReplay: Bool,
        now: Int64,
        into output: inout SessionOutput
    ) -> Step {
        guard entry.number > self.cursor else { return .done }
        self.looked(at: entry.number)
        if case .control(let change) = entry.content {
            guard entry.topic == .connection(self.id), self.apply(change, at: entry.number) else { return .done }
            if case .permissions(let permissions) = change { output.append(.permissions(self.id, permissions)) }
            guard !isReplay, case .joined(let group) = change, self.rules.enforces(.catchUpNewTopics) else { return .done }
            return subscriptions.covers(.group(group), above: entry.number) ? .done : .catchUp
        }
        let filter = DeliveryFilter(connection: self.id, user: self.user, protocol: self.protocol, rules: self.rules)
        if case .unreadable = entry.content {
            // Whether it uses up a number is not known, so all later ones would be wrong.
            return filter.addresses(entry, self.memberships) ? .end(.unrecoverable(.unreadable)) : .done
        }
        guard let publication = filter.delivers(entry, to: self.memberships, now: now) else { return .done }
        switch self.deliver(at: entry.number, bytes: publication.bytes) {
        case .nothing, .later: return .done
        case .deliver(let receiver):
            output.append(.deliver(publication, [receiver]))
            return .done
        case .end(let end): return .end(end)
        }
    }

    /// Looks at an entry with a publication of so many bytes for all members of its topic
    /// (``LogEntry/publicationForAllMembers``), as ``step(_:subscriptions:isReplay:now:into:)`` does.
    mutating func count(_ entry: LogEntry, bytes: Int) -> Outcome {
        guard self.isFollowing else { return .later }
        guard entry.number > self.cursor else { return .nothing }
        self.looked(at: entry.number)
        let isAddressed = DeliveryFilter.addresses(entry, connection: self.id, user: self.user, self.memberships)
        return isAddressed ? self.deliver(at: entry.number, bytes: bytes) : .nothing
    }

    private mutating func looked(at number: UInt64) {
        self.cursor = number
        self.hasLooked = true
    }

    private mutating func apply(_ change: ControlEntry, at number: UInt64) -> Bool {
        guard self.rules.enforces(.effectAtControlEntry) else { return false }
        self.changed(change, at: number)
        return true
    }

    mutating func changed(_ change: ControlEntry, at number: UInt64) {
        switch change {
        case .joined(let group):
            self.memberships.join(group, at: number)
            self.pending.remove(.group(group))
        case .left(let group):
            self.memberships.leave(group, at: number)
            self.pending.remove(.group(group))
        case .permissions, .state: break
        }
    }

    private mutating func deliver(at number: UInt64, bytes: Int) -> Outcome {
        self.delivered += 1
        let checkpoint = Checkpoint(number: number, delivered: self.delivered)
        guard self.delivered > self.acknowledgedSequence else {
            self.acknowledged = checkpoint
            return .nothing
        }
        self.highest = number
        self.outbox.append(Sent(checkpoint: checkpoint, bytes: bytes))
        self.outboxBytes += bytes
        guard self.outbox.count <= SessionLimits.outboxMessages, self.outboxBytes <= SessionLimits.outboxBytes else {
            return .end(.unrecoverable(.overflow))
        }
        return .deliver(SessionReceiver(client: self.client, sequence: self.delivered))
    }

    /// Everything up to `number` has been looked at.
    mutating func passed(_ number: UInt64) { self.cursor = max(self.cursor, number) }

    /// The session goes on at a number of another epoch, or of another owner.
    mutating func goesOn(at number: UInt64) {
        self.gaps.append((self.cursor, number))
        self.gaps.removeFirst(max(self.gaps.count - Self.maximumGaps, 0))
    }

    /// Whether the session may have missed what the store has lost.
    /// - Parameter lost: see ``LastNumbers/lost``. The numbers of an epoch are above all that were observed before it.
    func mayLack(_ lost: Position) -> Bool {
        self.rules.enforces(.toldLosses) && self.gaps.contains { $0.after < lost.number && lost.number < $0.before }
    }

    /// Looks again at what follows `number`, of which nothing was delivered.
    /// - Returns: false when something was, or when a checkpoint above it was stored.
    mutating func rewind(to number: UInt64) -> Bool {
        guard self.highest <= number, self.stored.number <= number else { return false }
        self.cursor = min(self.cursor, number)
        return true
    }

    /// The client was answered, or the node on its behalf.
    mutating func answered(at number: UInt64) { self.highest = max(self.highest, number) }

    mutating func replaceMemberships(_ memberships: MembershipHistory) { self.memberships = memberships }

    // MARK: - Held entries

    /// - Returns: whether there was room.
    mutating func hold(_ entry: LogEntry) -> Bool {
        guard self.heldBytes + entry.bytes <= SessionLimits.heldBytes else { return false }
        self.held.append(entry)
        self.heldBytes += entry.bytes
        return true
    }

    mutating func takeHeld() -> [LogEntry] {
        defer { (self.held, self.heldBytes) = ([], 0) }
        return self.held
    }

    // MARK: - Acknowledgements

    /// - Returns: false for a number that the client cannot have.
    mutating func acknowledge(_ sequence: UInt64) -> Bool {
        self.acknowledgedSequence = max(self.acknowledgedSequence, sequence)
        while let first = self.outbox.first, first.checkpoint.delivered <= sequence {
            self.acknowledged = first.checkpoint
            self.outboxBytes -= first.bytes
            self.outbox.removeFirst()
        }
        return self.hasPlausibleAcknowledgement
    }

    var hasPlausibleAcknowledgement: Bool { self.phase != .following || self.acknowledgedSequence <= self.delivered }

    /// The newest checkpoint: with nothing outstanding, it moves on with the cursor.
    var checkpoint: Checkpoint {
        self.outbox.isEmpty ? Checkpoint(number: self.cursor, delivered: self.delivered) : self.acknowledged
    }

    /// - Returns: the checkpoint, if it is above the one that was stored.
    mutating func takeCheckpoint() -> Checkpoint? {
        let checkpoint = self.checkpoint
        guard self.fence != nil, self.phase != .attaching, checkpoint.number > self.stored.number else { return nil }
        self.stored = checkpoint
        self.hasLooked = checkpoint.number < self.cursor
        self.memberships.prune(through: checkpoint.number)
        return checkpoint
    }
}
