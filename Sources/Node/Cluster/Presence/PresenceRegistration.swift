import VolaryBackplane
import VolaryProtocol

/// What a node has to tell the presence store next. Pure.
///
/// Holds the changes that the store does not have yet. Whatever goes wrong ends in a retry or in a new registration, which is made
/// from the connections as they are then: the store converges on the truth.
///
/// All that waits at one time is one batch, told in as many updates as it takes; what comes meanwhile goes into the next. So nothing waits
/// for ever, however much comes and goes.
struct PresenceRegistration {
    enum Step: Equatable {
        /// Take a new lease, then add every connection that is there.
        case register
        /// At most ``PresenceLimits/connectionsPerUpdate`` in all.
        case update(adding: [ConnectionRecord], removing: [ConnectionID])
        case nothing
    }

    /// What clients may be told, now that the store has it.
    struct News: Equatable {
        var joined: [ConnectionID] = []
        var left: [ConnectionID] = []
    }

    private(set) var isRegistered = false
    private var toAdd: [ConnectionID: ConnectionRecord] = [:]
    private var toRemove: Set<ConnectionID> = []
    /// Those to add that the store may have already: sent without an answer, or to be replaced.
    private var attempted: Set<ConnectionID> = []
    /// Opened, and not news yet; or told as left, with the node, by another. A registration after a lost lease adds connections again that
    /// are no news otherwise.
    private var unannounced: Set<ConnectionID> = []
    /// Those that were open when the lease was taken, and that the store does not have yet.
    private var owed: Set<ConnectionID> = []
    /// Those of the batch that are to be told yet, removals first.
    private var batch: ArraySlice<ConnectionID> = []
    /// How many of them, the first ones, the last update has dealt with.
    private var underWay = 0
    private var batchesBegun = 0
    /// The number of the last batch that the store has as a whole.
    private(set) var batchesTold = 0

    /// Which batch has all changes made so far, at the latest.
    var nextBatch: Int { self.batchesBegun + 1 }

    /// Whether the store has, or has had, every connection that was open when the lease was taken.
    var isWhole: Bool { self.isRegistered && self.owed.isEmpty }

    /// Whether the store lacks any.
    var hasChanges: Bool { !self.toAdd.isEmpty || !self.toRemove.isEmpty }

    mutating func opened(_ record: ConnectionRecord) {
        self.toAdd[record.id] = record
        self.unannounced.insert(record.id)
    }

    /// The store gets the new record like a new connection; it replaces the one before, and is no news.
    mutating func changed(_ record: ConnectionRecord) {
        guard !self.toRemove.contains(record.id) else { return }
        self.toAdd[record.id] = record
        if !self.unannounced.contains(record.id) { self.attempted.insert(record.id) }
    }

    /// A connection that came and went before the store heard of it leaves no trace.
    mutating func closed(_ id: ConnectionID) {
        self.owed.remove(id)
        let wasWaiting = self.toAdd.removeValue(forKey: id) != nil
        // While a registration is under way, the connections that it is made with may have this one among them.
        let isUnheard = wasWaiting && self.isRegistered && !self.attempted.contains(id)
        if isUnheard, self.unannounced.remove(id) != nil { return }
        self.toRemove.insert(id)
    }

    /// What to do now that the step before has been answered.
    mutating func next() -> Step {
        guard self.isRegistered else { return .register }
        guard self.hasChanges else { return .nothing }
        var adding: [ConnectionRecord] = []
        var removing: [ConnectionID] = []
        repeat {
            if self.batch.isEmpty { self.beginBatch() }
            self.underWay = 0
            for id in self.batch {
                let (isRemoved, record) = (self.toRemove.contains(id), self.toAdd[id])
                let changes = (isRemoved ? 1 : 0) + (record == nil ? 0 : 1)
                guard adding.count + removing.count + changes <= PresenceLimits.connectionsPerUpdate else { break }
                self.underWay += 1
                if isRemoved { removing.append(id) }
                if let record { adding.append(record) }
            }
            // All of it may have come to nothing.
            if adding.isEmpty && removing.isEmpty { self.batch = [] }
        } while self.batch.isEmpty
        self.attempted.formUnion(adding.lazy.map(\.id))
        return .update(adding: adding, removing: removing)
    }

    private mutating func beginBatch() {
        self.batch = ArraySlice(Array(self.toRemove) + self.toAdd.keys)
        self.batchesBegun += 1
    }

    /// The store has the last update.
    mutating func updated(adding: [ConnectionRecord], removing: [ConnectionID]) -> News {
        var news = News()
        for record in adding {
            self.owed.remove(record.id)
            // One that has changed since is told again.
            if self.toAdd[record.id] == record {
                self.toAdd[record.id] = nil
                self.attempted.remove(record.id)
            }
            if self.unannounced.remove(record.id) != nil { news.joined.append(record.id) }
        }
        for id in removing {
            self.toRemove.remove(id)
            self.attempted.remove(id)
            if self.unannounced.remove(id) == nil { news.left.append(id) }
        }
        self.batch = self.batch.dropFirst(self.underWay)
        self.underWay = 0
        if self.batch.isEmpty {
            self.batch = []
            self.batchesTold = self.batchesBegun
        }
        return news
    }

    /// The lease has been taken, and the store has no connection of this node's. `connections` are those open since.
    /// - Parameter toldAsLeft: whether clients have been told that those in the store had left. Who is there still is news again, and who has
    ///   gone since is none.
    mutating func registered(with connections: [ConnectionRecord], toldAsLeft: Bool = false) {
        self.isRegistered = true
        if toldAsLeft {
            self.unannounced.formUnion(Set(connections.lazy.map(\.id)).subtracting(self.owed))
            self.unannounced.formUnion(self.toRemove)
        }
        self.attempted = []
        self.owed = Set(connections.lazy.map(\.id)).subtracting(self.toRemove)
        // What is to be told already is not older.
        for record in connections where !self.toRemove.contains(record.id) && self.toAdd[record.id] == nil {
            self.toAdd[record.id] = record
        }
    }

    /// What the batch was to tell goes into the next.
    mutating func leaseLost() {
        self.isRegistered = false
        self.batch = []
    }
}
