import VolaryProtocol

/// Splits one update of the presence store into short steps, because Redis executes nothing else during a step.
///
/// A step holds changes that add up to ``entriesPerStep`` entries. The script also counts the index entries that it removes,
/// which only the script knows, and may make fewer changes than the step holds. The next step begins where the last one ended.
struct RedisPresenceUpdate {
    /// Entries of a node's `filters` that one script writes or removes, unless a single connection has more: 1,000, which took
    /// Redis 7 two to five milliseconds. Without steps, the largest update with the most groups would block Redis for half a
    /// second.
    static let entriesPerStep = 1000

    /// The first of the remaining changes.
    struct Step {
        let adding: ArraySlice<ConnectionRecord>
        let removing: ArraySlice<ConnectionID>

        var count: Int { self.adding.count + self.removing.count }

        /// The script's arguments after the node's id and the contents.
        func arguments() -> [String] {
            var arguments = ["\(RedisPresenceUpdate.entriesPerStep)", "\(self.adding.count)"]
            for record in self.adding {
                arguments.append(record.id.description)
                arguments.append(RedisPresenceEncoder.details(of: record))
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
        // Removals follow after all additions.
        return Step(adding: fitting, removing: fitting.count == self.adding.count ? self.removing : [])
    }

    mutating func advance(by changes: Int) {
        let added = min(changes, self.adding.count)
        self.adding.removeFirst(added)
        self.removing.removeFirst(changes - added)
    }
}
