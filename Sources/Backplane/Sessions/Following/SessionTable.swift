import VolaryProtocol

/// Sessions by the ids of their connections. Each has a place as long as it is here, so that the sessions of a topic are found without
/// hashing. The order is the same after the same changes.
struct SessionTable {
    private var places: [ConnectionID: Int] = [:]
    private var sessions: ContiguousArray<SessionFollower?> = []
    /// Places without a session.
    private var free: [Int] = []

    var isEmpty: Bool { self.places.isEmpty }

    var ids: some Collection<ConnectionID> { self.places.keys }

    /// All places, some of them without a session.
    var indices: Range<Int> { self.sessions.indices }

    func place(of id: ConnectionID) -> Int? { self.places[id] }

    /// The session at a place; nil for one that is free. Not for adding or removing one.
    subscript(at place: Int) -> SessionFollower? {
        _read { if place < self.sessions.count { yield self.sessions[place] } else { yield nil } }
        _modify {
            guard place < self.sessions.count else {
                var none: SessionFollower?
                yield &none
                return
            }
            yield &self.sessions[place]
        }
    }

    subscript(id: ConnectionID) -> SessionFollower? {
        _read { if let place = self.places[id] { yield self.sessions[place] } else { yield nil } }
        _modify {
            let place = self.places[id] ?? self.takePlace(for: id)
            yield &self.sessions[place]
            if self.sessions[place] == nil { self.freePlace(place, of: id) }
        }
    }

    // MARK: - In place
    // To look at a session through a subscript copies it, which costs more than all that is done here.

    /// Lets sessions that follow count a publication for all members of its topic.
    /// - Returns: places of sessions that do not follow, and of those that have ended.
    mutating func count(
        _ entry: LogEntry,
        bytes: Int,
        at places: ContiguousArray<Int>,
        for receivers: inout [SessionReceiver]
    ) -> (others: ContiguousArray<Int>, ended: [(place: Int, end: SessionEnd)]) {
        var (others, ended): (ContiguousArray<Int>, [(place: Int, end: SessionEnd)]) = ([], [])
        self.sessions.withUnsafeMutableBufferPointer { sessions in
            for place in places {
                switch sessions[place]?.count(entry, bytes: bytes) {
                case nil, .nothing?: continue
                case .deliver(let receiver)?: receivers.append(receiver)
                case .later?: others.append(place)
                case .end(let end)?: ended.append((place, end))
                }
            }
        }
        return (others, ended)
    }

    /// Sessions that follow have passed a number.
    mutating func passed(_ number: UInt64) {
        self.sessions.withUnsafeMutableBufferPointer { sessions in
            for place in sessions.indices where sessions[place]?.isFollowing == true { sessions[place]?.passed(number) }
        }
    }

    var doAllFollow: Bool {
        self.sessions.withUnsafeBufferPointer { sessions in
            sessions.indices.allSatisfy { sessions[$0]?.isFollowing != false }
        }
    }

    /// Places of the sessions whose turn it is, and of those that have looked at an entry.
    func places(turn: Int, of turns: Int) -> [Int] {
        self.sessions.withUnsafeBufferPointer { sessions in
            sessions.indices.filter { $0 % turns == turn % turns || sessions[$0]?.hasLooked == true }
        }
    }

    // MARK: - Places

    private mutating func takePlace(for id: ConnectionID) -> Int {
        let place = self.free.popLast() ?? self.sessions.count
        if place == self.sessions.count { self.sessions.append(nil) }
        self.places[id] = place
        return place
    }

    private mutating func freePlace(_ place: Int, of id: ConnectionID) {
        self.places[id] = nil
        self.free.append(place)
        if self.places.isEmpty { (self.sessions, self.free) = ([], []) }
    }
}

/// Some places of a ``SessionTable``.
struct PlaceSet {
    /// Up to so many are searched one by one.
    private static let shortCount = 32

    private(set) var places: ContiguousArray<Int> = []
    /// Where each place is in the list. Empty for a short list.
    private var positions: [Int: Int] = [:]

    var isEmpty: Bool { self.places.isEmpty }

    /// - Parameter place: not in the set.
    mutating func insert(_ place: Int) {
        self.places.append(place)
        if !self.positions.isEmpty {
            self.positions[place] = self.places.count - 1
        } else if self.places.count > Self.shortCount {
            for (position, place) in self.places.enumerated() { self.positions[place] = position }
        }
    }

    mutating func remove(_ place: Int) {
        guard
            let position = self.positions.isEmpty ? self.places.firstIndex(of: place) : self.positions.removeValue(forKey: place)
        else { return }
        let last = self.places.removeLast()
        if position < self.places.count {
            self.places[position] = last
            if !self.positions.isEmpty { self.positions[last] = position }
        }
        if self.places.count <= Self.shortCount / 2 { self.positions = [:] }
    }
}
