import VolaryProtocol

/// Cuts one update of the presence store into steps that Redis, which does nothing else meanwhile, has done soon.
///
/// A step holds changes until what they add weighs ``entriesPerStep``; the script also counts what it takes out of the indexes, which only
/// it knows, and may make fewer changes than the step holds. The next step begins where it ended.
struct RedisPresenceUpdate {
    /// Entries of a node's `filters` that one script writes or removes before it ends, unless a single connection has more: 1,000,
    /// which took Redis 7 two to five milliseconds. An update of the largest size and the most groups would be half a second at a stretch.
    static let entriesPerStep = 1000

    /// The first changes of those that are left.
    struct Step {
        let adding: ArraySlice<ConnectionRecord>
        let removing: ArraySlice<ConnectionID>

        var count: Int { self.adding.count + self.removing.count }

        /// What the script takes after the node's id and the contents.
        func arguments() -> [String] {
            var arguments = ["\(RedisPresenceUpdate.entriesPerStep)", "\(self.adding.count)"]
            for record in self.adding {
                arguments.append(record.id.description)
                arguments.append(RedisPresenceDecoder.details(of: record))
            }
            return arguments + self.removing.map(\.description)
        }
    }

    private var adding: ArraySlice<ConnectionRecord>
    private var removing: ArraySlice<ConnectionID>

    init(adding: [ConnectionRecord], removing: [ConnectionID]) {
        self.adding = adding[...]
        self.removing = removing[...]
    }

    var isDone: Bool { self.adding.isEmpty && self.removing.isEmpty }

    var next: Step {
        var entries = 0
        let fitting = self.adding.prefix { record in
            let isFirst = entries == 0
            entries += ConnectionFilter.passed(by: record).count
            return isFirst || entries <= Self.entriesPerStep
        }
        // Removals come after every addition.
        return Step(adding: fitting, removing: fitting.count == self.adding.count ? self.removing : [])
    }

    mutating func advance(by changes: Int) {
        let added = min(changes, self.adding.count)
        self.adding.removeFirst(added)
        self.removing.removeFirst(changes - added)
    }
}
