import VolaryProtocol

/// Decides which joins and leaves are told one by one, and which are summed up. Pure.
///
/// The cost of telling everyone of everyone's coming and going grows with the square of the clients. Up to `limit` a second are told
/// singly; from there to the end of that second they are counted, and told in one sentence (design decision 10).
struct AnnouncementPacer {
    enum Event {
        case joined(ConnectionID)
        case left(ConnectionID)
    }

    enum Action: Equatable {
        case tell(String)
        /// Counted. Call ``secondPassed()`` in a second.
        case startSecond
        /// Counted, or told already, in a second that has been started.
        case none
        /// Told, and the first of its second: call ``secondPassed()`` in a second.
        case tellAndStartSecond(String)
    }

    private let limit: Int
    private var isCounting = false
    private var told = 0
    private var joined = 0
    private var left = 0

    /// - Parameter limit: sentences a second about single clients.
    init(limit: Int) {
        self.limit = limit
    }

    mutating func happened(_ event: Event) -> Action {
        let isFirst = !self.isCounting
        self.isCounting = true
        if self.told < self.limit {
            self.told += 1
            let text =
                switch event {
                case .joined(let id): "Client \(id.short) joined."
                case .left(let id): "Client \(id.short) left."
                }
            return isFirst ? .tellAndStartSecond(text) : .tell(text)
        }
        switch event {
        case .joined: self.joined += 1
        case .left: self.left += 1
        }
        return isFirst ? .startSecond : .none
    }

    /// - Returns: the sum of the second, if anything was counted. When it is not nil, another second begins.
    mutating func secondPassed() -> String? {
        let parts = [(self.joined, "joined"), (self.left, "left")].filter { $0.0 > 0 }
        self.told = 0
        self.joined = 0
        self.left = 0
        self.isCounting = !parts.isEmpty
        guard let (count, verb) = parts.first else { return nil }
        let start = "\(count) \(count == 1 ? "client" : "clients") \(verb)"
        return parts.count == 1 ? "\(start)." : "\(start), \(parts[1].0) \(parts[1].1)."
    }
}
