import VolaryBackplane
import VolaryProtocol

/// The changes that the presence store does not have yet, and the next call that stores them. Pure.
///
/// Every failure ends in a retry or in a new registration, which starts from the connections that are open then. So the store
/// converges on the node's real state.
///
/// All pending changes form one batch, sent in as many updates as needed: an update is of one hub. Changes that arrive in the meantime go into the next
/// batch, so no change waits forever, whatever the rate of changes.
struct PresenceRegistration {
    enum Step: Equatable {
        /// Take a new lease, then add every open connection.
        case register
        /// At most ``PresenceLimits/connectionsPerUpdate`` in all.
        case update(in: HubName, adding: [ConnectionRecord], removing: [ConnectionID])
        case nothing
    }

    /// Joins and leaves that the store has now and that can be announced to clients.
    struct Announcements: Equatable {
        var joined: [ConnectionID] = []
        var left: [ConnectionID] = []
    }

    private(set) var isRegistered = false
    private var toAdd: [ConnectionID: ConnectionRecord] = [:]
    private var toRemove: [ConnectionID: HubName] = [:]
    /// Connections in `toAdd` that the store may already have: an update was sent but not confirmed, or the record replaces an
    /// older one.
    private var attempted: Set<ConnectionID> = []
    /// Connections whose join must still be announced: new ones, and those that another node announced as left when it reaped
    /// this node.
    private var pendingJoins: Set<ConnectionID> = []
    /// Connections that were open when the lease was taken and that the store does not have yet.
    private var pendingInitial: Set<ConnectionID> = []
    /// The part of the batch that is not stored yet, hub by hub, and in each hub removals first.
    private var batch: ArraySlice<ConnectionID> = []
    /// How many connections from the front of `batch` the last update contains.
    private var inFlight = 0
    private var batchesBegun = 0
    /// The number of the last batch that is completely stored.
    private(set) var batchesStored = 0

    /// The number of the batch after which all changes made so far are stored.
    var nextBatch: Int { self.batchesBegun + 1 }

    /// Whether every connection that was open when the lease was taken has been stored, or has closed since.
    var isComplete: Bool { self.isRegistered && self.pendingInitial.isEmpty }

    /// Whether any change is not stored yet.
    var hasChanges: Bool { !self.toAdd.isEmpty || !self.toRemove.isEmpty }

    mutating func opened(_ record: ConnectionRecord) {
        self.toAdd[record.id] = record
        self.pendingJoins.insert(record.id)
    }

    /// Stores the new record, which replaces the old one. Nothing is announced.
    mutating func changed(_ record: ConnectionRecord) {
        guard self.toRemove[record.id] == nil else { return }
        self.toAdd[record.id] = record
        if !self.pendingJoins.contains(record.id) { self.attempted.insert(record.id) }
    }

    /// A connection that closes before it was stored is neither stored nor announced.
    mutating func closed(_ id: ConnectionID, in hub: HubName) {
        self.pendingInitial.remove(id)
        let wasWaiting = self.toAdd.removeValue(forKey: id) != nil
        // A registration in progress may contain this connection.
        let isUnknownToStore = wasWaiting && self.isRegistered && !self.attempted.contains(id)
        if isUnknownToStore, self.pendingJoins.remove(id) != nil { return }
        self.toRemove[id] = hub
    }

    /// - Returns: the next step. Called after the previous step has been answered.
    mutating func next() -> Step {
        guard self.isRegistered else { return .register }
        guard self.hasChanges else { return .nothing }
        while true {
            if self.batch.isEmpty { self.beginBatch() }
            if let step = self.nextUpdate() { return step }
            // All changes of this batch have canceled each other out.
            self.batch = []
        }
    }

    /// The next changes of the batch, of one hub; nil when none is left.
    private mutating func nextUpdate() -> Step? {
        var adding: [ConnectionRecord] = []
        var removing: [ConnectionID] = []
        var hub: HubName?
        self.inFlight = 0
        for id in self.batch {
            let (removedFrom, record) = (self.toRemove[id], self.toAdd[id])
            if let next = removedFrom ?? record?.hub {
                let changes = (removedFrom == nil ? 0 : 1) + (record == nil ? 0 : 1)
                guard adding.count + removing.count + changes <= PresenceLimits.connectionsPerUpdate, hub == nil || hub == next
                else { break }
                hub = next
            }
            self.inFlight += 1
            if removedFrom != nil { removing.append(id) }
            if let record { adding.append(record) }
        }
        self.attempted.formUnion(adding.lazy.map(\.id))
        return hub.map { .update(in: $0, adding: adding, removing: removing) }
    }

    private mutating func beginBatch() {
        var changes: [HubName: [ConnectionID]] = [:]
        for (id, hub) in self.toRemove { changes[hub, default: []].append(id) }
        for (id, record) in self.toAdd { changes[record.hub, default: []].append(id) }
        self.batch = ArraySlice(changes.values.joined())
        self.batchesBegun += 1
    }

    /// The store has confirmed the last update.
    /// - Returns: the joins and leaves to announce.
    mutating func updated(adding: [ConnectionRecord], removing: [ConnectionID]) -> Announcements {
        var announcements = Announcements()
        for record in adding {
            self.pendingInitial.remove(record.id)
            // A record that has changed since is sent again.
            if self.toAdd[record.id] == record {
                self.toAdd[record.id] = nil
                self.attempted.remove(record.id)
            }
            if self.pendingJoins.remove(record.id) != nil { announcements.joined.append(record.id) }
        }
        for id in removing {
            self.toRemove[id] = nil
            self.attempted.remove(id)
            if self.pendingJoins.remove(id) == nil { announcements.left.append(id) }
        }
        self.batch = self.batch.dropFirst(self.inFlight)
        self.inFlight = 0
        if self.batch.isEmpty {
            self.batch = []
            self.batchesStored = self.batchesBegun
        }
        return announcements
    }

    /// The lease has been taken, and the store has no connections of this node.
    /// - Parameters:
    ///   - connections: those that are open now.
    ///   - announcedAsLeft: whether another node announced this node's stored connections as left. Then those still open are
    ///     announced as joined, and those closed since are not announced again.
    mutating func registered(with connections: [ConnectionRecord], announcedAsLeft: Bool = false) {
        self.isRegistered = true
        if announcedAsLeft {
            self.pendingJoins.formUnion(Set(connections.lazy.map(\.id)).subtracting(self.pendingInitial))
            self.pendingJoins.formUnion(self.toRemove.keys)
        }
        self.attempted = []
        self.pendingInitial = Set(connections.lazy.map(\.id)).subtracting(self.toRemove.keys)
        // A record in `toAdd` is at least as new.
        for record in connections where self.toRemove[record.id] == nil && self.toAdd[record.id] == nil {
            self.toAdd[record.id] = record
        }
    }

    /// The changes of the current batch go into the next one.
    mutating func leaseLost() {
        self.isRegistered = false
        self.batch = []
    }
}
